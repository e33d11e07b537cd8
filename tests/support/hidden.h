/* Characters that no name may have and no line of a table or a log shows as they are: what a
 * terminal obeys, what changes the direction of writing, what is not visible. One of each kind. */
#ifndef CADRE_TESTS_HIDDEN_H
#define CADRE_TESTS_HIDDEN_H

static const struct {
    const char *text;
    unsigned code; /* U+... */
} hidden_characters[] = {
    {"\x1b", 0x1b},
    {"\x07", 0x07},
    {"\n", '\n'},
    {"\x7f", 0x7f},
    {"\xc2\x9b", 0x9b},            /* CSI in one character */
    {"\xc2\xad", 0xad},            /* soft hyphen */
    {"\xcd\x8f", 0x34f},           /* grapheme joiner */
    {"\xd8\x9c", 0x61c},           /* Arabic letter mark */
    {"\xe1\x85\x9f", 0x115f},      /* Hangul filler */
    {"\xe1\xa0\x8e", 0x180e},      /* Mongolian vowel separator */
    {"\xe2\x80\x8b", 0x200b},      /* space of no width */
    {"\xe2\x80\x8d", 0x200d},      /* joiner of no width */
    {"\xe2\x80\x8f", 0x200f},      /* right-to-left mark */
    {"\xe2\x80\xa8", 0x2028},      /* line separator */
    {"\xe2\x80\xa9", 0x2029},      /* paragraph separator */
    {"\xe2\x80\xae", 0x202e},      /* right-to-left override */
    {"\xe2\x81\xa0", 0x2060},      /* word joiner */
    {"\xe2\x81\xa7", 0x2067},      /* right-to-left isolate */
    {"\xe2\x81\xaf", 0x206f},      /* deprecated format character */
    {"\xe2\xa0\x80", 0x2800},      /* Braille blank */
    {"\xe3\x85\xa4", 0x3164},      /* Hangul filler */
    {"\xef\xb8\x8f", 0xfe0f},      /* variation selector */
    {"\xef\xbb\xbf", 0xfeff},      /* byte order mark */
    {"\xef\xbe\xa0", 0xffa0},      /* Hangul filler of half width */
    {"\xef\xbf\xb9", 0xfff9},      /* annotation */
    {"\xf0\x9d\x85\xb3", 0x1d173}, /* musical format character */
    {"\xf3\xa0\x80\x81", 0xe0001}, /* language tag */
    {"\xf3\xa0\x81\x81", 0xe0041}, /* tag of the letter A */
    {"\xf3\xa0\x84\x80", 0xe0100}, /* variation selector */
};
#define HIDDEN_CHARACTERS (sizeof hidden_characters / sizeof *hidden_characters)

#endif
