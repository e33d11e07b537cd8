/* Strings: UTF-8, hex, base64. */
#include "base/str.h"

#include <string.h>

/* Length of the UTF-8 character (RFC 3629, section 4) at s; 0: no complete character in `len`
 * bytes. */
static size_t utf8_char(const unsigned char *s, size_t len)
{
    unsigned char c = s[0];
    if (c < 0x80) return 1;
    if (c < 0xc2 || c > 0xf4) return 0;
    size_t need = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (len < need) return 0;
    /* the range of the second byte excludes overlong forms, surrogates, and characters above
     * U+10FFFF */
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < need; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    return need;
}

size_t str_utf8_bad(const char *s, size_t len)
{
    const unsigned char *at = (const unsigned char *)s;
    size_t done = 0;
    while (done < len) {
        size_t n = utf8_char(at + done, len - done);
        if (n == 0) break;
        done += n;
    }
    return done;
}

bool str_utf8_valid(const char *s, size_t len)
{
    return str_utf8_bad(s, len) == len;
}

size_t str_utf8_whole(const char *s, size_t len)
{
    const unsigned char *at = (const unsigned char *)s;
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char c = at[len - back];
        if ((c & 0xc0) == 0x80) continue;
        if (c < 0xc2 || c > 0xf4) return len;
        size_t need = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (need <= back) return len;
        /* unfinished; but could it still become a character? */
        unsigned char whole[4] = {c, 0x80, 0x80, 0x80};
        if (c == 0xe0) whole[1] = 0xa0;
        if (c == 0xf0) whole[1] = 0x90;
        memcpy(whole, at + len - back, back);
        return utf8_char(whole, need) > 0 ? len - back : len;
    }
    return len;
}

#define QUOTED_BYTES 60

const char *str_quote(char out[STR_QUOTE_SIZE], const char *text)
{
    size_t left = strlen(text);
    char *at = out, *end = out + QUOTED_BYTES;
    *at++ = '\'';
    while (left > 0 && at <= end) {
        const unsigned char *u = (const unsigned char *)text;
        size_t n = utf8_char(u, left);
        bool control = u[0] < 0x20 || u[0] == 0x7f || (n == 2 && u[0] == 0xc2 && u[1] < 0xa0);
        if (n == 0 || control) {
            *at++ = '?';
            if (n == 0) n = 1;
        } else {
            memcpy(at, text, n);
            at += n;
        }
        text += n;
        left -= n;
    }
    memcpy(at, left > 0 ? "...'" : "'", left > 0 ? 5 : 2);
    return out;
}

void str_hex(char *dst, const void *src, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *s = src;
    for (size_t i = 0; i < len; i++) {
        *dst++ = digits[s[i] >> 4];
        *dst++ = digits[s[i] & 15];
    }
    *dst = '\0';
}

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char urlsafe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode64(char *dst, const void *src, size_t len, const char *alphabet, bool padded)
{
    const unsigned char *s = src;
    while (len > 0) {
        size_t take = len < 3 ? len : 3;
        uint32_t bits = (uint32_t)s[0] << 16;
        if (take > 1) bits |= (uint32_t)s[1] << 8;
        if (take > 2) bits |= s[2];
        for (size_t i = 0; i <= take; i++)
            *dst++ = alphabet[bits >> (18 - 6 * i) & 63];
        for (size_t i = take; padded && i < 3; i++)
            *dst++ = '=';
        s += take;
        len -= take;
    }
    *dst = '\0';
}

static int value64(char c, const char *alphabet)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == alphabet[62]) return 62;
    return c == alphabet[63] ? 63 : -1;
}

/* n digits without padding. */
static int decode64(unsigned char *dst, size_t dst_size, const char *src, size_t n,
                    const char *alphabet, size_t *len)
{
    size_t tail = n % 4;
    if (tail == 1) return ERR_INVALID;
    for (size_t i = 0; i < n; i++) {
        if (value64(src[i], alphabet) < 0) return ERR_INVALID;
    }
    int stray = tail == 2 ? 15 : tail == 3 ? 3 : 0;
    if (stray != 0 && (value64(src[n - 1], alphabet) & stray) != 0) return ERR_INVALID;
    size_t size = n / 4 * 3 + (tail > 0 ? tail - 1 : 0);
    if (size > dst_size) return ERR_TOO_LARGE;
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 6 | (uint32_t)value64(src[i], alphabet);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        *dst++ = (unsigned char)(bits >> have);
    }
    *len = size;
    return 0;
}

void str_base64(char *dst, const void *src, size_t len)
{
    encode64(dst, src, len, standard, true);
}

int str_unbase64(void *dst, size_t dst_size, const char *src, size_t *len)
{
    size_t n = strlen(src);
    if (n % 4 != 0) return ERR_INVALID;
    for (int pad = 0; pad < 2 && n > 0 && src[n - 1] == '='; pad++)
        n--;
    return decode64(dst, dst_size, src, n, standard, len);
}

void str_base64url(char *dst, const void *src, size_t len)
{
    encode64(dst, src, len, urlsafe, false);
}

int str_unbase64url(void *dst, size_t dst_size, const char *src, size_t *len)
{
    return decode64(dst, dst_size, src, strlen(src), urlsafe, len);
}

bool str_secret_eq(const void *a, const void *b, size_t len)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char diff = 0;
    for (size_t i = 0; i < len; i++)
        diff = (unsigned char)(diff | (x[i] ^ y[i]));
    return diff == 0;
}
