/* Shares of a turn: see read_budget.h. */
#include "platform/read_budget.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void read_budget_init(struct read_budget *b)
{
    *b = (struct read_budget){.most = READ_BUDGET_ALL};
    read_budget_turn(b);
}

void read_budget_limit(struct read_budget *b, size_t bytes)
{
    b->most = smaller(bytes, READ_BUDGET_ALL);
    b->left = smaller(b->left, b->most);
}

void read_budget_turn(struct read_budget *b)
{
    size_t share = b->most / (b->wanted > 0 ? b->wanted : 1);
    b->turn++;
    b->left = b->most;
    b->share = smaller(share > 0 ? share : 1, READ_BUDGET_STREAM);
    b->wanted = 0;
}

size_t read_budget_room(struct read_budget *b, struct read_share *s)
{
    if (s->turn != b->turn) {
        s->turn = b->turn;
        s->left = b->share;
        b->wanted++;
    }
    /* not a last few bytes: a line would come in two */
    return s->left <= b->left ? s->left : 0;
}

void read_budget_take(struct read_budget *b, struct read_share *s, size_t bytes)
{
    s->left -= smaller(bytes, s->left);
    b->left -= smaller(bytes, b->left);
}
