/* Processes by name and number: see process_list.h. */
#include "platform/process_list.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool process_list_has(const struct process_list *l, struct process_id id)
{
    for (int i = 0; i < l->count && i < PROCESS_LIST_KNOWN; i++)
        if (l->ids[i].pid == id.pid && l->ids[i].start == id.start) return true;
    return false;
}

static void take_text(char out[PROCESS_NAME_SIZE], const char *text)
{
    size_t len = strlen(text);
    if (len >= PROCESS_NAME_SIZE) len = str_utf8_whole(text, PROCESS_NAME_SIZE - 1);
    bool utf8 = str_utf8_valid(text, len);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        out[i] = c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8) ? '?' : text[i];
    }
    out[len] = '\0';
}

void process_list_add(struct process_list *l, struct process_id id, const char *name,
                      const char *user)
{
    if (process_list_has(l, id)) return;
    if (l->count < PROCESS_LIST_KNOWN) l->ids[l->count] = id;
    if (l->count < PROCESS_LIST_NAMED) {
        take_text(l->names[l->count], name);
        take_text(l->users[l->count], user);
        l->named++;
    }
    l->count++;
}

void process_list_subtract(struct process_list *l, const struct process_list *other)
{
    int kept = 0, named = 0;
    for (int i = 0; i < l->count && i < PROCESS_LIST_KNOWN; i++) {
        if (process_list_has(other, l->ids[i])) continue;
        if (i < l->named && named == kept) {
            memmove(l->names[named], l->names[i], PROCESS_NAME_SIZE);
            memmove(l->users[named], l->users[i], PROCESS_NAME_SIZE);
            named++;
        }
        l->ids[kept++] = l->ids[i];
    }
    l->count = l->count > PROCESS_LIST_KNOWN ? l->count - PROCESS_LIST_KNOWN + kept : kept;
    l->named = named;
}

void process_list_write_ids(const struct process_list *l, char *text, size_t size)
{
    for (int i = 0; i < l->count && i < PROCESS_LIST_KNOWN; i++) {
        size_t len = strlen(text);
        if (str_format(text + len, size - len, " %" PRId64 ":%" PRIu64, l->ids[i].pid,
                       l->ids[i].start) == 0)
            continue;
        text[len] = '\0';
        return;
    }
}

const char *process_list_format(const struct process_list *l, bool with_user,
                                char out[PROCESS_LIST_TEXT_SIZE])
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < l->named; i++) {
        const char *before = i == 0 ? "" : i + 1 == l->count ? " and " : ", ";
        const char *user = with_user ? l->users[i] : "";
        len += (size_t)snprintf(out + len, PROCESS_LIST_TEXT_SIZE - len, "%s%s (%" PRId64 "%s%s)",
                                before, l->names[i], l->ids[i].pid, *user ? ", " : "", user);
    }
    if (l->count > l->named)
        snprintf(out + len, PROCESS_LIST_TEXT_SIZE - len, " and %d more", l->count - l->named);
    return out;
}
