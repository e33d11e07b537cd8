/* What a daemon's command says on standard error when it fails. Not for the log. */
#ifndef CADRE_PLATFORM_COMPLAIN_H
#define CADRE_PLATFORM_COMPLAIN_H

/* "cadre-agent: sentence" as one line: text of others in the sentence (a file's content, the
 * coordinator's words) is escaped (base/escape.h). An error in the journal, too, where it has
 * standard error. */
void complain_as(const char *program, const char *sentence);

#endif
