/* Every ceiling of the protocol in one place. A size that a peer states is compared with these
 * before memory is taken. PROTOCOL.md section 3 lists the same numbers; a test compares them. */
#ifndef CADRE_WIRE_LIMITS_H
#define CADRE_WIRE_LIMITS_H

#define INT53 9007199254740991LL         /* the greatest integer of a message */
#define ATTEMPT_MAX 1000000              /* the greatest number of an attempt */
#define LIMIT_FRAME_UNKNOWN (16u * 1024) /* bytes of a frame's body before the peer is known */
#define LIMIT_FRAME_KNOWN (1024u * 1024) /* the same, after the peer is authenticated */
#define LIMIT_OUTPUT_CHUNK (64u * 1024)  /* bytes of job output in one output frame */
/* The payload of a job: command or script, environment, workdir and stdin, in the user's bytes:
 * without what JSON and base64 add. */
#define LIMIT_PAYLOAD (512u * 1024)     /* by default */
#define LIMIT_PAYLOAD_MAX (640u * 1024) /* the configured limit may not exceed this */
#define LIMIT_STDIN_TEXT 873816u        /* LIMIT_PAYLOAD_MAX bytes of stdin as base64 */
#define LIMIT_SPEC (960u * 1024)        /* a job's spec as JSON text */
#define LIMIT_HTTP_HEAD (16u * 1024)    /* request line and headers */
#define LIMIT_HTTP_BODY (1024u * 1024)  /* request body */
#define LIMIT_NAME 128                  /* bytes: agent name, job name, group description x4 */
/* A request body that is an array of jobs, and how many of them it may have. */
#define LIMIT_HTTP_JOBS (8u * 1024 * 1024)
#define LIMIT_JOBS 1000
#define LIMIT_HTTP_WEBHOOK (256u * 1024) /* what is sent to a webhook */
#define LIMIT_HTTP_SIGN_IN (4u * 1024)   /* what a browser signs in with */
#define LIMIT_GROUPS 16                  /* worker groups of an agent */
#define LIMIT_GROUP_KEY 63
#define LIMIT_NAMESPACE 255
#define LIMIT_CAPABILITIES (32u * 1024) /* bytes of JSON */
#define LIMIT_LABELS 64
#define LIMIT_SLOTS 1024
#define LIMIT_ATTEMPTS_IN_HELLO 4096
#define LIMIT_OUTPUT_REMARKS (64 * 1024) /* bytes of Cadre's remarks in an attempt's log */
#define LIMIT_OUTPUTS (64u * 1024)       /* bytes of JSON of a job's outputs */
#define LIMIT_MESSAGE 1024               /* bytes of a reason's sentence */
#define LIMIT_HANDSHAKE_MS 10000         /* TLS handshake, and from there to the first message */
#define LIMIT_UNKNOWN_CONNECTIONS 256    /* not yet authenticated, at once, shared by addresses */
#define LIMIT_WAITING_CONNECTIONS 2048   /* accepted, waiting for one of those places */
#define LIMIT_STRANGERS 30               /* per address and minute; then let in more slowly */
#define LIMIT_STALL_MS 30000             /* for a stranger to take 64 KiB of what it is sent */
#define LIMIT_STALL_KNOWN_MS 300000      /* the same, for a peer that is known */
#define LIMIT_SEND_QUEUE (8u * 1024 * 1024) /* bytes waiting for a slow peer; then it is cut */

#endif
