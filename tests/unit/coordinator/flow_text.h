/* Flows as texts: what is read of them, and what is said against them. */
#ifndef CADRE_TESTS_FLOW_TEXT_H
#define CADRE_TESTS_FLOW_TEXT_H

#include "coordinator/flow/flow.h"

/* A flow without the tasks: id, namespace. */
#define FLOW_HEAD "id: f\nnamespace: company.team\n"

struct flow *flow_text_parse(
    const char *text); /* fails the test when it cannot be read; flow_free */
/* Fails the test unless exactly these problems are told: "LINE: sentence", each on a line. */
void flow_text_refuses(const char *text, const char *problems);

#endif
