/* Ownership of several coordinators over one database, and leases: a row says who owns, and every
 * commit takes it by writing. coordinator/ownership.h has them in C; docs/decisions.md has what this
 * shows.
 * tests/model/run.sh searches the model wholly, and then once for each sabotage, -DBREAK_..., which
 * has to break a promise.
 *
 * Sizes: -DCOMMANDS has commands of a user, -DAGENTS two agents and one job.
 *
 * Time is counted in ticks and ends after HORIZON. Between two ticks anything happens in any order.
 * Any process may be late by any number of ticks at any step, as after a SIGSTOP. The look at the
 * clock and the sending of an effect are one step: a stop between the two is not modelled. */

#ifndef COORDS
#define COORDS 2
#endif
#ifndef HORIZON
#define HORIZON 8 /* ticks */
#endif
#ifndef FAULTS
#define FAULTS 1 /* connections to the database that break, and transactions that it ends */
#endif

/* Ticks. In the feature: 1 s, 6 s and 8 s, with renew < expiry and expiry + drift <= take-over. The
 * drift is twice WRONG, since two clocks are compared. */
#define RENEW 1
#ifndef EXPIRY
#define EXPIRY 2
#endif
#ifndef WRONG
#define WRONG 1 /* by so much is one clock wrong while one timer runs */
#endif
/* The owner's clock is the slowest and the successor's the fastest that the bound permits. What any
 * clock in between allows, these allow too: a timer permits, it does not force. */
#define SLOW(ticks) ((ticks) + WRONG)
#define FAST(ticks) ((ticks) - WRONG)
#ifdef BREAK_EARLY_TAKEOVER
#define TAKEOVER EXPIRY
#else
#define TAKEOVER (EXPIRY + 2 * WRONG)
#endif

/* wire/lease.h: an agent's lease, and what the coordinator waits for, grace and slack included */
#define LEASE 2
#define LEASE_COORDINATOR (LEASE + 2 * WRONG)

#ifndef RENEWS
#define RENEWS true /* false: no commits but those of commands and jobs, to keep a search small */
#endif

#ifndef CONNECTS
#define CONNECTS 1 /* new sessions of each agent */
#endif

/* The search tells once that it got here: a model that never gets anywhere breaks no promise. */
#define REACHED(words) c_code { static int once; once++ || printf("reached: %s\n", words); }

#define NOBODY 255

/* ---- the database: one row, what the commits wrote, and a server process for each connection.
 * A coordinator has two: after a broken connection the former one may still be at work. */
byte epoch = 1, batch = 0;
byte lock = NOBODY; /* the server process that has updated the row and not ended yet */
byte done = 0;      /* how often the user's command was done */
byte job_agent = NOBODY, job_attempt;

/* of a server process */
#define IDLE 0
#define ASKED 1 /* its UPDATE is on its way or waits for the row */
#define OPEN 2
/* of a transaction */
#define RENEWAL 0
#define COMMAND 1
#define GIVE 2
#define RAISE 3
#define TAKE 4
/* of an answer */
#define NONE 0
#define COMMITTED 1
#define NO_ROW 2
#define LOST 3

typedef server {
    byte tx;
    byte kind;
    byte epoch, batch; /* what the UPDATE looks for */
    byte what;         /* the number of the command, or the agent that the job is given to */
    bool commit;       /* the rest of the pipeline has come, with COMMIT at its end */
    bool attached;     /* the client's end of the connection is there */
    byte reign
};
server servers[2 * COORDS];

/* ---- what the properties are stated in; no coordinator reads it ---- */
byte reign = 1; /* raised by each commit of a take-over, whatever the row says */
byte told_no;   /* the command of which its user was told that it is not done */

/* ---- coordinators ---- */
bool owner[COORDS];
byte my_reign[COORDS];
byte watch[COORDS];  /* ticks until a take-over is allowed */
byte expiry[COORDS]; /* ticks in which effects may be sent */
byte sent[COORDS];   /* the same, counted from when the commit under way was sent */
byte answers[COORDS];
byte returned[COORDS]; /* the batch number that the UPDATE of a raise brings: RETURNING batch */
byte current[COORDS]; /* which of its two connections */
byte effect[COORDS];  /* what waits to be sent after a commit; 0: nothing */
byte faults = FAULTS;

/* ---- users ---- */
byte command = 0; /* the number of the command that waits; 0: none */

/* ---- agents: two, and one job. [2 * coordinator + agent] where there are four. ---- */
#ifdef AGENTS
byte held[2];      /* the attempt that runs here; 0: none */
byte lease[2];     /* ticks, counted from when the last acknowledged heartbeat was sent */
byte session[2];      /* the newest one, by number */
byte session_with[2];     /* and its coordinator */
bool beat[2];             /* a heartbeat or hello is under way, to that coordinator ... */
byte beat_lease[2];       /* ... from when on it counts */
bool beat_acked[2];       /* ... and its answer is on its way back */
byte hello[2];            /* it is a hello; 1 + the attempt that it tells of; 0: a heartbeat */
byte known[4];            /* the session that the coordinator knows; 0: none */
byte job_on[4];           /* a `job` under way: the attempt; 0: none */
byte job_session[4];
byte has_agent[2] = NOBODY, has_attempt[2]; /* what the coordinator has loaded */
byte lease_ticks[2];      /* until it takes that attempt for over */
#endif

byte now;
#define over (now == HORIZON)
#define DOWN(timer) timer = (timer > 0 -> timer - 1 : 0)

proctype clock()
{
    byte n;
    do
    :: !over ->
        d_step {
            now++;
            for (n : 0 .. COORDS - 1) {
                DOWN(watch[n]);
                DOWN(expiry[n]);
                DOWN(sent[n]);
#ifdef AGENTS
                DOWN(lease_ticks[n])
#endif
            }
#ifdef AGENTS
            for (n : 0 .. 1) {
                DOWN(lease[n]);
                DOWN(beat_lease[n]);
                /* the agent, or the guard beside it, ends the processes */
                held[n] = (lease[n] > 0 -> held[n] : 0)
            }
#endif
            n = 0
        }
    :: over -> break
    od
}

/* ---------------------------------------------------------------------------------------------
 * The database */

#define S servers[s]
#define IS_DATA (S.kind == RENEWAL || S.kind == COMMAND || S.kind == GIVE)
#define MATCHES (S.epoch == epoch && (S.kind == RAISE || S.batch == batch))

#ifdef BREAK_TWO_OWNERS
#define RAISES 0
#else
#define RAISES 1
#endif

/* LOCKS: the UPDATE holds the row to the transaction's end. CHECKS: it looks whose row it is. */
#if defined(BREAK_NO_ROW) /* batches leave the row alone */
#define LOCKS (S.kind == RENEWAL || S.kind == RAISE || S.kind == TAKE)
#define CHECKS LOCKS
#elif defined(BREAK_READ_ONLY) /* SELECT instead of UPDATE */
#define LOCKS (S.kind == RAISE || S.kind == TAKE)
#define CHECKS true
#else
#define LOCKS true
#define CHECKS true
#endif

#ifdef BREAK_TAKE_BLIND
#undef MATCHES
#define MATCHES (S.epoch == epoch && (S.kind == RAISE || S.kind == TAKE || S.batch == batch))
#endif

inline server_ends()
{
    S.tx = IDLE; S.kind = RENEWAL; S.epoch = 0; S.batch = 0; S.what = 0;
    S.commit = false; S.attached = false; S.reign = 0;
    lock = (lock == s -> NOBODY : lock)
}

inline commit_data()
{
    /* a commit of a stale owner never lands */
    assert(S.reign == reign);
    batch = batch + CHECKS;
    if
    :: S.kind == COMMAND ->
        assert(S.what != told_no); /* what its user was told stays true */
        done++;
        assert(done <= 1)
#ifdef AGENTS
    :: S.kind == GIVE -> job_agent = S.what; job_attempt++
#endif
    :: else
    fi
}

inline server_commits()
{
    if
    :: IS_DATA -> commit_data()
    :: S.kind == RAISE ->
        assert(S.reign == reign);
        epoch++;
        returned[i] = batch
    :: S.kind == TAKE ->
        epoch = epoch + RAISES;
        reign++;
        my_reign[i] = reign
    fi;
    if
    :: S.attached -> answers[i] = COMMITTED
    :: S.attached && faults > 0 -> faults--; answers[i] = LOST
    :: !S.attached
    fi;
    server_ends()
}

/* UPDATE owner SET ... WHERE part AND epoch AND batch, when it has the row */
inline server_looks()
{
    if
    :: (MATCHES || !CHECKS) && S.commit -> server_commits()
    :: (MATCHES || !CHECKS) && !S.commit -> S.tx = OPEN; lock = (LOCKS -> s : lock)
    :: !MATCHES && CHECKS -> answers[i] = (S.attached -> NO_ROW : answers[i]); server_ends()
    fi
}

#ifndef AGENTS
#ifdef BREAK_NO_TIMEOUT
#define TIMEOUT false
#else
#define TIMEOUT true
#endif

proctype server_process(byte s; byte i)
{
end:
    do
    :: atomic { S.tx == ASKED && (lock == NOBODY || !LOCKS) -> server_looks() }
    :: atomic { S.tx == OPEN && S.commit -> server_commits() }
    /* a client that is gone: tcp_user_timeout */
    :: atomic { S.tx != IDLE && !S.attached && !S.commit && TIMEOUT ->
        REACHED("an orphan is ended");
        server_ends() }
    /* a client that was stopped: idle_in_transaction_session_timeout, or pg_terminate_backend by
     * the successor. It may come at any moment. */
    :: atomic { S.tx == OPEN && S.attached && !S.commit && faults > 0 ->
        faults--;
        REACHED("a transaction of a stopped client is ended");
        answers[i] = LOST;
        server_ends() }
    /* the connection breaks, or the owner gives up an answer that does not come */
    :: atomic { S.tx != IDLE && S.attached && faults > 0 && servers[s ^ 1].tx == IDLE ->
        faults--;
        S.attached = false;
        answers[i] = LOST;
        if
        :: S.commit = false /* COMMIT did not come through */
        :: S.commit
        fi }
    od
}
#endif

/* ---------------------------------------------------------------------------------------------
 * Coordinators */

#define MINE servers[2 * i + current[i]]

inline begin(the_kind, the_what)
{
    answers[i] = NONE;
    MINE.kind = the_kind; MINE.epoch = my_epoch; MINE.batch = my_batch; MINE.what = the_what;
    MINE.attached = true; MINE.reign = my_reign[i];
    MINE.tx = ASKED;
    sent[i] = SLOW(EXPIRY)
}

#ifdef AGENTS
/* A transaction is one step here, and its answer comes later. */
inline transact(the_kind, the_what)
{
    atomic { begin(the_kind, the_what); S.commit = true; server_looks() }
    answers[i] != NONE
}
#else
/* What the pipeline begins with and what it ends with are two steps: a SIGSTOP may come between. */
inline transact(the_kind, the_what)
{
    atomic { begin(the_kind, the_what); MINE.commit = (the_kind == TAKE || the_kind == RAISE) }
    if
    :: atomic { answers[i] == NONE && !MINE.commit -> MINE.commit = true }
    :: answers[i] != NONE || MINE.commit
    fi;
    atomic {
        answers[i] != NONE -> current[i] = (answers[i] == LOST -> 1 - current[i] : current[i])
    }
}
#endif

#ifdef BREAK_NO_ROW
#define COUNTS(the_kind) (the_kind == RENEWAL)
#else
#define COUNTS(the_kind) true
#endif

#ifdef BREAK_OLD_LEASE
#define AFRESH 0
#else
#define AFRESH FAST(LEASE_COORDINATOR)
#endif

inline forget()
{
#ifdef AGENTS
    known[2 * i] = 0; known[2 * i + 1] = 0;
    has_agent[i] = NOBODY; has_attempt[i] = 0; lease_ticks[i] = 0;
#endif
    owner[i] = false; expiry[i] = 0; sent[i] = 0; effect[i] = 0; answers[i] = NONE;
    returned[i] = 0; my_epoch = 0; my_batch = 0; watch[i] = 0; doing = RENEWAL; what = 0
}

/* A first attempt, or a second one when the first is over. */
#define MAY_GIVE (has_attempt[i] < 2 && effect[i] == 0 && \
    (has_agent[i] == NOBODY || lease_ticks[i] == 0))

proctype coordinator(byte i)
{
    byte my_epoch = 1, my_batch; /* as a standby: what it saw of the row */
    byte doing = RENEWAL;
#ifdef AGENTS
    byte s = 2 * i;
#endif
    byte what;

    if
    :: owner[i] -> goto owning
    :: else
    fi;

standby:
#ifdef AGENTS
    if
    :: i == 0 -> goto ended /* one take-over is enough for the leases */
    :: else
    fi;
#endif
    do
    :: atomic { !over && (my_epoch != epoch || my_batch != batch) ->
        my_epoch = epoch; my_batch = batch;
        watch[i] = FAST(TAKEOVER) }
    :: !over && watch[i] == 0 && my_epoch != 0 ->
        transact(TAKE, 0);
        atomic {
            if
            :: answers[i] == COMMITTED -> break
            :: else -> forget()
            fi
        }
    :: over -> goto ended
    od;

    atomic { /* loads, in a new transaction, which looks whether the epoch is still its own */
        if
        :: epoch == my_epoch + RAISES ->
            REACHED("a successor loads");
            my_epoch = epoch; my_batch = batch;
            owner[i] = true;
            expiry[i] = sent[i]; sent[i] = 0; answers[i] = NONE;
#ifdef AGENTS
            has_agent[i] = job_agent; has_attempt[i] = job_attempt;
            lease_ticks[i] = AFRESH
#endif
        :: else -> forget(); goto standby
        fi
    }

owning:
    do
    :: atomic { !over && RENEWS && expiry[i] + RENEW <= SLOW(EXPIRY) -> doing = RENEWAL; what = 0 };
        goto commits
    :: atomic { !over && command != 0 && effect[i] == 0 ->
        doing = COMMAND; what = command; command = 0 };
        goto commits
#ifdef AGENTS
    :: atomic { !over && MAY_GIVE && known[2 * i] != 0 -> doing = GIVE; what = 0 };
        goto commits
    :: atomic { !over && MAY_GIVE && known[2 * i + 1] != 0 && has_attempt[i] == 1 ->
        doing = GIVE; what = 1;
        REACHED("a second attempt is given") };
        goto commits
#endif
    :: over -> goto ended
    od;

commits:
    transact(doing, what);
    atomic {
        if
        :: answers[i] == COMMITTED ->
            my_batch = my_batch + COUNTS(doing);
            expiry[i] = sent[i];
#ifdef AGENTS
            if
            :: doing == GIVE ->
                has_agent[i] = what; has_attempt[i]++;
                lease_ticks[i] = FAST(LEASE_COORDINATOR);
                effect[i] = 1 + what
            :: else
            fi;
#else
            effect[i] = (doing == COMMAND -> what : effect[i]);
#endif
            sent[i] = 0; answers[i] = NONE; doing = RENEWAL; what = 0;
            goto owning
        :: answers[i] == NO_ROW ->
            REACHED("a commit of a stale owner is refused");
            forget();
            goto standby
        :: answers[i] == LOST
        :: answers[i] == LOST -> forget(); goto standby /* it was started anew meanwhile */
        fi
    }

    /* A lost answer. */
#ifdef BREAK_NO_RAISE
    atomic {
        if
        :: epoch == my_epoch -> returned[i] = batch
        :: else -> forget(); goto standby
        fi
    }
#else
    transact(RAISE, 0);
    atomic {
        if
        :: answers[i] == COMMITTED -> my_epoch++; expiry[i] = sent[i]
        :: else -> forget(); goto standby
        fi
    }
#endif
    atomic {
#ifdef BREAK_READ_LATER
        returned[i] = batch;
#endif
        answers[i] = NONE; sent[i] = 0;
        if
        :: doing == COMMAND && returned[i] != my_batch ->
            assert(done == 1);
            REACHED("answered from the database")
        :: doing == COMMAND && returned[i] == my_batch ->
            told_no = what;
            REACHED("told that it is not done");
            command = (what < 2 -> what + 1 : 0) /* its user tries again */
        :: else
        fi;
        my_batch = returned[i]; returned[i] = 0; doing = RENEWAL; what = 0;
        goto owning
    }
ended:
    skip
}

/* The loop of a coordinator goes on while a commit is under way. */
#ifdef BREAK_LATE_EFFECT
#define MAY_SEND true
#else
#define MAY_SEND (expiry[i] > 0)
#endif
#ifdef BREAK_LATE_BEAT
#define MAY_ACK true
#else
#define MAY_ACK (expiry[i] > 0)
#endif
/* Nothing of a former owner takes hold. */
#ifdef BREAK_SENDS
#define SENDS skip
#else
#define SENDS assert(my_reign[i] == reign)
#endif

#ifndef AGENTS
proctype loop(byte i)
{
end:
    do
    :: atomic { owner[i] && MAY_ACK -> SENDS } /* a heartbeat is acknowledged */
    :: atomic { effect[i] != 0 && MAY_SEND -> SENDS; effect[i] = 0 }
    :: atomic { effect[i] != 0 && !MAY_SEND ->
        REACHED("an effect is dropped");
        effect[i] = 0 }
    od
}
#else

#define JOB (2 * i + effect[i] - 1)
#define COMES(a) (owner[i] && beat[a] && session_with[a] == i && !beat_acked[a] && MAY_ACK)
#define IS_IDLE (servers[2 * i].tx == IDLE && answers[i] == NONE && effect[i] == 0)

/* A hello and its welcome. An attempt that the agent has not was never started: it may be given
 * again at once. */
inline welcome(a)
{
    SENDS;
    known[2 * i + a] = session[a];
    if
    :: has_agent[i] == a && hello[a] == 1 + has_attempt[i] ->
        lease_ticks[i] = FAST(LEASE_COORDINATOR)
    :: has_agent[i] == a && hello[a] != 1 + has_attempt[i] -> lease_ticks[i] = 0
    :: has_agent[i] != a
    fi;
    hello[a] = 0;
    beat_acked[a] = true
}

inline acknowledge(a)
{
    SENDS;
    lease_ticks[i] = (has_agent[i] == a -> FAST(LEASE_COORDINATOR) : lease_ticks[i]);
    beat_acked[a] = true
}

proctype loop(byte i)
{
end:
    do
    :: atomic { COMES(0) && hello[0] == 0 && known[2 * i] == session[0] -> acknowledge(0) }
    :: atomic { COMES(1) && hello[1] == 0 && known[2 * i + 1] == session[1] -> acknowledge(1) }
    :: atomic { COMES(0) && hello[0] != 0 && IS_IDLE -> welcome(0) }
    :: atomic { COMES(1) && hello[1] != 0 && IS_IDLE -> welcome(1) }
    :: atomic { effect[i] != 0 && MAY_SEND && job_on[JOB] == 0 ->
        SENDS;
        job_session[JOB] = known[JOB]; job_on[JOB] = has_attempt[i]; effect[i] = 0 }
    :: atomic { effect[i] != 0 && !MAY_SEND -> effect[i] = 0 }
    od
}

#ifdef BREAK_ANY_SESSION
#define TAKES(c) (lease[a] > 0)
#else
#define TAKES(c) (lease[a] > 0 && job_session[2 * (c) + a] == session[a] && session_with[a] == c)
#endif

inline job_comes(c)
{
    if
    :: TAKES(c) ->
        held[a] = job_on[2 * (c) + a];
        assert(held[1 - a] == 0) /* at one agent alone does it run within a lease */
    :: else
    fi;
    job_on[2 * (c) + a] = 0; job_session[2 * (c) + a] = 0
}

inline connect(c)
{
    session[a]++;
    session_with[a] = c;
    beat[a] = true; beat_acked[a] = false; beat_lease[a] = SLOW(LEASE); hello[a] = 1 + held[a]
}

#define FROM (2 * session_with[a] + a)

proctype agent(byte a)
{
end:
    do
    :: atomic { a == 0 && !over && !beat[a] && lease[a] < SLOW(LEASE) ->
        beat[a] = true; beat_lease[a] = SLOW(LEASE) }
    /* one connection keeps the order: a job that was sent before comes first */
    :: atomic { beat_acked[a] && !(job_on[FROM] != 0 && job_session[FROM] == session[a]) ->
        lease[a] = beat_lease[a];
        beat[a] = false; beat_acked[a] = false; beat_lease[a] = 0 }
    :: atomic { job_on[a] != 0 -> job_comes(0) }
    :: atomic { job_on[2 + a] != 0 -> job_comes(1) }
    :: atomic { !over && session[a] <= CONNECTS && session_with[a] != 0 -> connect(0) }
    :: atomic { !over && session[a] <= CONNECTS && session_with[a] != 1 -> connect(1) }
    od
}
#endif

init
{
    byte n;
    atomic {
#ifdef COMMANDS
        command = 1;
#endif
        owner[0] = true; my_reign[0] = 1; expiry[0] = SLOW(EXPIRY);
        for (n : 1 .. COORDS - 1) {
            watch[n] = FAST(TAKEOVER)
        }
        run clock();
        for (n : 0 .. COORDS - 1) {
#ifndef AGENTS
            run server_process(2 * n, n);
            run server_process(2 * n + 1, n);
#endif
            run coordinator(n);
            run loop(n)
        }
#ifdef AGENTS
        known[0] = 1; session[0] = 1; lease[0] = SLOW(LEASE);
        session[1] = CONNECTS; session_with[1] = NOBODY;
        run agent(0);
        run agent(1);
#endif
        n = 0
    }
}
