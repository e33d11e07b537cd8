/* What asks for help, and gets it: see help.h. */
#include "base/help_words.h"

#include "base/mem.h"
#include "base/str.h"

int help_topic(const struct help_program *p, int argc, char **argv, struct buf *out, struct err *e)
{
    int words;
    struct help_words w;
    if (argc == 1 && str_eq(argv[0], "--man")) {
        help_man(p, out);
        return 0;
    }
    if (argc == 1 && str_eq(argv[0], "--completion")) {
        help_completion(p, out);
        return 0;
    }
    const struct help_command *c = help_find(p, argc, argv, &words);
    help_words(p, argc, argv, &w);
    if (c) {
        help_of_command(p, c, out);
        return 0;
    }
    if (w.count == 0 && w.options) return help_unknown(p, argc, argv, e);
    if (w.count == 0 || str_eq(w.text[0], "help")) {
        help_overview(p, out);
        return 0;
    }
    char *noun = help_words_join(&w, w.count);
    bool is_noun = help_is_noun(p, noun);
    if (is_noun) help_of_noun(p, noun, out);
    mem_free(noun);
    return is_noun ? 0 : help_unknown(p, argc, argv, e);
}

bool help_is_asked(const struct help_program *p, int argc, char **argv, struct buf *out,
                   struct err *e)
{
    struct help_words w;
    help_words(p, argc, argv, &w);
    if (w.count > 1 && str_eq(w.text[1], "help") && help_is_noun(p, w.text[0])) {
        char *topic[] = {(char *)(uintptr_t)w.text[0], (char *)(uintptr_t)w.text[2], NULL};
        return help_topic(p, w.count - 1, topic, out, e) == 0;
    }
    if (w.options || (w.count == 0 && !w.help)) return false;
    char *noun = help_words_join(&w, w.count);
    bool asked = w.count == 0 || help_is_noun(p, noun);
    if (w.count == 0) help_overview(p, out);
    if (w.count > 0 && asked) help_of_noun(p, noun, out);
    mem_free(noun);
    return asked;
}
