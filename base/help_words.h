/* The words of a command line that may name a command. Private to base/help*.c. */
#ifndef CADRE_BASE_HELP_WORDS_H
#define CADRE_BASE_HELP_WORDS_H

#include "base/help.h"

struct help_words {
    const char *text[HELP_WORDS];
    int at[HELP_WORDS]; /* where in argv */
    int count;
    bool help, options; /* among them is --help or -h; is another option */
};

/* The first words of argv, up to "--", that are neither options nor the values of options. */
void help_words(const struct help_program *p, int argc, char *const *argv, struct help_words *w);
/* The first n words with blanks between them; mem_free. */
char *help_words_join(const struct help_words *w, int n);

#endif
