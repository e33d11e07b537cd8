/* Bodies are base64: any text then has short lines and no dot in front. */
#include "notify/mail.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 57 /* 76 letters of base64, as RFC 2045, 6.8 has it */
#define WORD_BYTES 45 /* an encoded word has at most 75 letters (RFC 2047, 2) */
#define DAY_MS INT64_C(86400000)

/* "Fri, 02 Jan 2026 03:04:05 +0000" */
static int add_date(struct buf *out, int64_t wall_ms)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* from 1970-01-01 on */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char t[TIME_TEXT_SIZE];
    time_format(wall_ms, t);
    int month = (t[5] - '0') * 10 + (t[6] - '0') - 1;
    return buf_addf(out, "Date: %.3s, %.2s %.3s %.4s %.8s +0000\r\n",
                    days + wall_ms / DAY_MS % 7 * 3, t + 8, months + 3 * (ptrdiff_t)month, t,
                    t + 11);
}

static int add_base64(struct buf *out, const char *s, size_t len)
{
    char *place = buf_reserve(out, 4 * ((len + 2) / 3) + 1);
    if (!place) return ERR_TOO_LARGE;
    str_base64(place, s, len);
    buf_commit(out, strlen(place));
    return 0;
}

static bool is_plain(const char *s)
{
    for (const char *c = s; *c; c++)
        if (*c < 0x20 || *c > 0x7e) return false;
    return strlen(s) <= 200 && !strstr(s, "=?");
}

/* Encoded words where there is anything but short ASCII. A line break is an ordinary byte in them;
 * none is cut inside a character. */
static int add_subject(struct buf *out, const char *s)
{
    int rc = buf_adds(out, "Subject: ");
    if (is_plain(s)) {
        if (!rc) rc = buf_adds(out, s);
        return rc ? rc : buf_adds(out, "\r\n");
    }
    for (size_t left = strlen(s); left > 0 && !rc;) {
        size_t n = left > WORD_BYTES ? str_utf8_whole(s, WORD_BYTES) : left;
        rc = buf_adds(out, "=?utf-8?B?");
        if (!rc) rc = add_base64(out, s, n);
        if (!rc) rc = buf_adds(out, left > n ? "?=\r\n " : "?=");
        s += n;
        left -= n;
    }
    return rc ? rc : buf_adds(out, "\r\n");
}

static int add_body(struct buf *out, const char *s)
{
    int rc = 0;
    for (size_t left = strlen(s); left > 0 && !rc;) {
        size_t n = left > LINE_BYTES ? LINE_BYTES : left;
        rc = add_base64(out, s, n);
        if (!rc) rc = buf_adds(out, "\r\n");
        s += n;
        left -= n;
    }
    return rc;
}

/* The id may have any letters; in a Message-ID it stands as hex. */
static int add_message_id(struct buf *out, const struct order *o)
{
    char hex[2 * ORDER_ID_SIZE + 1];
    str_hex(hex, o->id, strlen(o->id));
    return buf_addf(out, "Message-ID: <cadre.%s@%s>\r\n", hex, strrchr(o->from, '@') + 1);
}

static int add_people(struct buf *out, const struct order *o)
{
    int rc = buf_addf(out, "From: Cadre <%s>\r\nTo: ", o->from);
    for (const struct json *a = json_first(o->to); a && !rc; a = json_next(a))
        rc = buf_addf(out, "%s<%s>", a == json_first(o->to) ? "" : ",\r\n ", json_str(a, ""));
    return rc ? rc : buf_adds(out, "\r\n");
}

int mail_write(const struct order *o, int64_t wall_ms, struct buf *out)
{
    int rc = add_people(out, o);
    if (!rc) rc = add_date(out, wall_ms < 0 ? 0 : wall_ms);
    if (!rc) rc = add_message_id(out, o);
    if (!rc) rc = add_subject(out, o->subject);
    if (!rc)
        rc = buf_adds(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                           "Content-Transfer-Encoding: base64\r\nAuto-Submitted: auto-generated\r\n"
                           "\r\n");
    return rc ? rc : add_body(out, o->body);
}
