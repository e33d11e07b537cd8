/* Output of Windows programs: UTF-8 where it is, else the OEM code page that console programs
 * write, else UTF-16, which is known by a byte order mark or by how it begins (`cmd /u` and wsl.exe
 * write no mark). */
#include "platform/text.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/windows/registry.h"

#include <windows.h>
#include <string.h>

enum { UNDECIDED, BYTES, UTF16 };

/* A NUL counts as an ordinary character here. */
static void add_wide(struct buf *out, const wchar_t *wide, size_t len)
{
    int n = len > 0 ? WideCharToMultiByte(CP_UTF8, 0, wide, (int)len, NULL, 0, NULL, NULL) : 0;
    char *place = n > 0 ? buf_reserve(out, (size_t)n) : NULL;
    if (!place) return;
    WideCharToMultiByte(CP_UTF8, 0, wide, (int)len, place, n, NULL, NULL);
    buf_commit(out, (size_t)n);
}

/* The code page that console programs use on this machine. CP_OEMCP would be this program's, which
 * the manifest makes UTF-8. */
static UINT oem_code_page(void)
{
    int64_t page = 0;
    char *text = registry_text(L"SYSTEM\\CurrentControlSet\\Control\\Nls\\CodePage", L"OEMCP");
    if (!text || str_int64(text, &page) != 0 || page <= 0 || !IsValidCodePage((UINT)page))
        page = CP_OEMCP;
    mem_free(text);
    return (UINT)page;
}

static void add_oem(struct buf *out, UINT page, const char *data, size_t len)
{
    if (len == 0) return;
    int n = MultiByteToWideChar(page, 0, data, (int)len, NULL, 0);
    wchar_t *wide = mem_array((size_t)n + 1, sizeof *wide);
    n = MultiByteToWideChar(page, 0, data, (int)len, wide, n);
    add_wide(out, wide, n > 0 ? (size_t)n : 0);
    mem_free(wide);
}

/* How much of the bytes does not end inside a character of the OEM code page. */
static size_t oem_whole(UINT page, const char *data, size_t len)
{
    size_t i = 0;
    while (i < len) {
        size_t step = IsDBCSLeadByteEx(page, (BYTE)data[i]) ? 2 : 1;
        if (i + step > len) return i;
        i += step;
    }
    return len;
}

/* Returns how many bytes were taken; at most a few are left for the next call. */
static size_t add_bytes(struct buf *out, const char *data, size_t len, int last)
{
    size_t whole = str_utf8_whole(data, len);
    if (str_utf8_valid(data, whole) && (whole == len || !last)) {
        buf_add(out, data, whole);
        return whole;
    }
    UINT page = oem_code_page();
    if (!last) len = oem_whole(page, data, len);
    add_oem(out, page, data, len);
    return len;
}

static size_t add_utf16(struct buf *out, const char *data, size_t len, int last)
{
    size_t units = len / 2;
    wchar_t *wide = mem_array(units + 1, sizeof *wide);
    memcpy(wide, data, units * 2);
    /* a surrogate waits for the other half */
    if (units > 0 && !last && wide[units - 1] >= 0xD800 && wide[units - 1] <= 0xDBFF) units--;
    if (units > 0) add_wide(out, wide, units);
    mem_free(wide);
    return last ? len : units * 2;
}

static bool is_ascii_text(unsigned char c)
{
    return (c >= ' ' && c < 0x7f) || c == '\t' || c == '\r' || c == '\n';
}

/* The first bytes of the output decide its encoding. UNDECIDED: more bytes are needed. */
static int decide(const char *data, size_t len, int last)
{
    const unsigned char *p = (const unsigned char *)data;
    if (len == 0 || (len == 1 && p[0] == 0xff && !last)) return UNDECIDED;
    if (len >= 2 && p[0] == 0xff && p[1] == 0xfe) return UTF16;
    if (len < 2 || !is_ascii_text(p[0]) || p[1] != 0) return BYTES;
    /* a letter and a NUL: two of these are no accident */
    if (len < 4) return last ? UTF16 : UNDECIDED;
    return is_ascii_text(p[2]) && p[3] == 0 ? UTF16 : BYTES;
}

void text_to_utf8(struct text_state *s, const void *data, size_t len, int last, struct buf *out)
{
    size_t have = s->pending_len + len, taken = 0;
    char *all = mem_alloc(have + 1);
    memcpy(all, s->pending, s->pending_len);
    if (len > 0) memcpy(all + s->pending_len, data, len);
    if (s->mode == UNDECIDED) {
        s->mode = decide(all, have, last);
        if (s->mode == UTF16 && memcmp(all, "\xff\xfe", 2) == 0) taken = 2;
    }
    if (s->mode == UTF16) {
        taken += add_utf16(out, all + taken, have - taken, last);
    } else if (s->mode == BYTES) {
        taken = add_bytes(out, all, have, last);
    }
    s->pending_len = have - taken <= sizeof s->pending ? have - taken : 0;
    memcpy(s->pending, all + taken, s->pending_len);
    mem_free(all);
}

/* Converts text of the OEM code page; ERR_INVALID when a byte cannot be converted. */
static int add_as_oem(const char *text, size_t len, struct buf *out)
{
    const UINT page = oem_code_page();
    BOOL lost = FALSE;
    if (page == CP_UTF8) return buf_add(out, text, len);
    int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, (int)len, NULL, 0);
    if (n <= 0) return ERR_INVALID;
    wchar_t *wide = mem_array((size_t)n, sizeof *wide);
    MultiByteToWideChar(CP_UTF8, 0, text, (int)len, wide, n);
    /* at most four bytes in any code page */
    char *bytes = mem_array((size_t)n, 4);
    int size = WideCharToMultiByte(page, WC_NO_BEST_FIT_CHARS, wide, n, bytes, 4 * n, NULL, &lost);
    int rc = size > 0 && !lost ? buf_add(out, bytes, (size_t)size) : ERR_INVALID;
    mem_free(bytes);
    mem_free(wide);
    return rc;
}

int text_batch_encode(const char *text, size_t len, struct buf *out, bool *needs_utf8)
{
    int rc = len > 0 ? add_as_oem(text, len, out) : 0;
    *needs_utf8 = rc == ERR_INVALID; /* so does what the script starts */
    return *needs_utf8 ? buf_add(out, text, len) : rc;
}

bool text_batch_is_program(void)
{
    return true;
}

bool text_has_interpreter_lines(void)
{
    return false;
}

const char *text_default_shell(void)
{
    return "powershell";
}
