/* What the simulation can break, to see that its checks would notice. */
#ifndef CADRE_TESTS_SIM_SABOTAGE_H
#define CADRE_TESTS_SIM_SABOTAGE_H

/* Ways to break the house on purpose: the checker has to see each. */
enum sabotage {
    SABOTAGE_NONE,
    SABOTAGE_SHORT_LEASE,    /* the coordinator gives attempts up before their lease is over */
    SABOTAGE_OLD_RESULTS,    /* results of old attempts pass for those of the present one */
    SABOTAGE_LOST_COMMIT,    /* now and then a commit is none */
    SABOTAGE_EARLY_REPLY,    /* answers leave before the commit */
    SABOTAGE_LOST_HAND_OUT,  /* hand-outs are not written */
    SABOTAGE_WRONG_ORDER,    /* low priority first */
    SABOTAGE_WRONG_AGENT,    /* agents claim to be what they are not */
    SABOTAGE_FORGOTTEN_JOBS, /* a start overlooks jobs that agents have */
    SABOTAGE_LOST_OUTPUT,    /* chunks are acknowledged, but not kept */
    SABOTAGE_TOO_MANY,       /* agents claim more slots than they have */
    SABOTAGE_NO_GUARD,       /* nothing ends the processes of an agent that hangs */
    SABOTAGE_LYING_DISK,     /* the disk says that it has synced, and has not */
    SABOTAGE_WALL_LEASE,     /* leases count in wall time */
    SABOTAGE_LOST_RESULT,    /* results are acknowledged, but not kept */
    SABOTAGE_NO_PAUSE,       /* paused groups hand out */
    SABOTAGE_DEAF_CANCEL,    /* cancels are acknowledged, but not done */
    SABOTAGE_LOST_JOURNAL,   /* agents start jobs of which their journals know nothing */
    SABOTAGE_HUSHED_UP,      /* an agent does not tell what it could not end */
    SABOTAGE_LEFT_BEHIND,    /* an agent that is back does not end what its last life started */
    SABOTAGE_LATE_GUARD,     /* the guard counts leases from a minute later on */
    SABOTAGE_LATE_AGENT,     /* agents look at their leases two seconds late */
    SABOTAGE_CHARGED_JOB,    /* agents take what their machine cannot do for the job's fault */
    SABOTAGE_FORGETFUL,      /* nobody knows who could not start a job */
    SABOTAGE_SAME_AGENT,     /* nor where attempts failed */
    SABOTAGE_UNWELL,         /* nobody hears that an agent is unwell */
    SABOTAGE_NO_TURNS,       /* an agent serves its first group first */
    SABOTAGE_ALL_GROUPS,     /* agents are taken for members of groups that they do not serve */
    SABOTAGE_UNHEARD,        /* heartbeats are acknowledged, but the engine is not told */
    /* from here on with several coordinators */
    SABOTAGE_NO_ROW,      /* transactions leave the owner's row alone */
    SABOTAGE_READ_ONLY,   /* they read it, and do not hold it */
    SABOTAGE_LATE_EFFECT, /* effects are sent whenever they come, */
    SABOTAGE_LATE_BEAT,   /* and heartbeats acknowledged */
    SABOTAGE_OLD_EPOCH,   /* the epoch is not raised after a lost answer */
    SABOTAGE_TWO_OWNERS,  /* a take-over comes too early */
    SABOTAGE_LATE_ROW,    /* a follower skips output that is committed late */
    SABOTAGE_UNTOLD_LOSS, /* what agents know of lost commits is not heard */
    SABOTAGES
};
extern const char *const sabotage_names[SABOTAGES];

#endif
