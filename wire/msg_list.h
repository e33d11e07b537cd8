/* The messages of cadre/1, once: struct, encoder, decoder, names and the round-trip test follow
 * from this list (PROTOCOL.md section 5 explains every field; a test compares the two). Names are
 * never reused.
 *
 * MSG(id, name, direction, known)      direction: A agent -> coordinator, C coordinator -> agent
 *                                      known: 1 = only after the peer proved who it is
 * Field lists: X(kind, c_name, "wireName", a, b, need); wire/fields.h says what the kinds are and
 * what a and b mean. need: 1 = the message is refused without it. The durations here are at most
 * 2^53-1 ms, so that sums of a few of them stay within 64 bits. */

/* The head of an output frame, X(field, at, bytes, min, max): unsigned, big endian (PROTOCOL.md
 * section 2). The offset's limit holds for the last byte, too. */
#define OUTPUT_HEAD_LIST(X)                                                                        \
    X(seq, 0, 8, 0, INT53)                                                                         \
    X(job, 8, 8, 1, INT64_MAX)                                                                     \
    X(attempt, 16, 4, 1, ATTEMPT_MAX)                                                              \
    X(stream, 20, 1, 1, 3)                                                                         \
    X(offset, 21, 8, 0, INT53)                                                                     \
    X(reserved, 29, 4, 0, 0)

#define MSG_LIST(MSG)                                                                              \
    MSG(ENROL, enrol, A, 0)                                                                        \
    MSG(HELLO, hello, A, 1)                                                                        \
    MSG(READY, ready, A, 1)                                                                        \
    MSG(STARTED, started, A, 1)                                                                    \
    MSG(FINISHED, finished, A, 1)                                                                  \
    MSG(HEARTBEAT, heartbeat, A, 1)                                                                \
    MSG(DECLINED, declined, A, 1)                                                                  \
    MSG(CLEARED, cleared, A, 1)                                                                    \
    MSG(BYE, bye, A, 1)                                                                            \
    MSG(ENROLLED, enrolled, C, 0)                                                                  \
    MSG(WELCOME, welcome, C, 1)                                                                    \
    MSG(REFUSED, refused, C, 0)                                                                    \
    MSG(JOB, job, C, 1)                                                                            \
    MSG(KILL, kill, C, 1)                                                                          \
    MSG(ACK, ack, C, 1)                                                                            \
    MSG(DISCARD, discard, C, 1)                                                                    \
    MSG(DRAIN, drain, C, 1)                                                                        \
    MSG(CERTIFICATE, certificate, C, 1)

#define MSG_FIELDS_ENROL(X)                                                                        \
    X(STR, token, "token", 3072, 0, 0) /* absent: renewal over an authenticated session */         \
    X(STR, csr, "csr", 8192, 0, 1)     /* PEM PKCS #10 */                                          \
    X(STR, name, "name", LIMIT_NAME, 0, 0)                                                         \
    X(STR, group, "group", LIMIT_GROUP_KEY, 0, 0)                                                  \
    X(ARR, groups, "groups", 2048, 0, 0) /* as in hello */                                         \
    X(STR, host_id, "hostId", 128, 0, 0)                                                           \
    X(STR, version, "version", 64, 0, 0)                                                           \
    X(BOOL, replace, "replace", 0, 0, 0)

#define MSG_FIELDS_HELLO(X)                                                                        \
    X(INT, protocol, "protocol", 1, 1000, 1) /* highest minor the agent speaks */                  \
    X(INT, protocol_min, "protocolMin", 1, 1000, 1)                                                \
    X(ARR, features, "features", 1024, 0, 0)                                                       \
    X(STR, version, "version", 64, 0, 1)                                                           \
    X(STR, name, "name", LIMIT_NAME, 0, 1)                                                         \
    X(STR, group, "group", LIMIT_GROUP_KEY, 0, 0) /* absent: default group */                      \
    X(INT, slots, "slots", 1, LIMIT_SLOTS, 1)                                                      \
    X(CAPS, capabilities, "capabilities", LIMIT_CAPABILITIES, LIMIT_LABELS, 1)                     \
    X(STR, boot_id, "bootId", 128, 0, 1)                                                           \
    X(STR, host_id, "hostId", 128, 0, 1)                                                           \
    X(STR, journal_id, "journalId", 64, 0, 1)                                                      \
    X(INT, seq, "seq", 0, INT53, 1) /* highest sequence number given to an event so far */         \
    X(ATTEMPTS, attempts, "attempts", 262144, LIMIT_ATTEMPTS_IN_HELLO, 1)                          \
    X(BOOL, draining, "draining", 0, 0, 0)        /* takes no jobs: is on its way out */           \
    X(STR, unwell, "unwell", LIMIT_MESSAGE, 0, 0) /* cannot start jobs; why; absent: it can */     \
    X(ARR, groups, "groups", 2048, 0, 0)          /* all of them; absent: `group` alone */         \
    X(STR, folder_id, "folderId", 64, 0, 0)       /* absent: not known */                          \
    X(INT, acked, "acked", 0, INT53, 0) /* highest event acknowledged to it; 0: not known */

#define MSG_FIELDS_READY(X)                                                                        \
    X(INT, free_slots, "freeSlots", 0, LIMIT_SLOTS, 1)                                             \
    X(INT, slots, "slots", 1, LIMIT_SLOTS, 0)                                                      \
    X(CAPS, capabilities, "capabilities", LIMIT_CAPABILITIES, LIMIT_LABELS, 0)                     \
    X(BOOL, draining, "draining", 0, 0, 0)                                                         \
    X(STR, reason, "reason", LIMIT_MESSAGE, 0, 0) /* of draining, when it is not on its way out */ \
    X(STR, unwell, "unwell", LIMIT_MESSAGE, 0, 0) /* as in hello */

#define MSG_FIELDS_STARTED(X)                                                                      \
    X(INT, seq, "seq", 1, INT53, 1)                                                                \
    X(ID, job, "job", 0, 0, 1)                                                                     \
    X(INT, attempt, "attempt", 1, ATTEMPT_MAX, 1)                                                  \
    X(INT, pid, "pid", 0, INT53, 0)

#define MSG_FIELDS_FINISHED(X)                                                                     \
    X(INT, seq, "seq", 1, INT53, 1)                                                                \
    X(ID, job, "job", 0, 0, 1)                                                                     \
    X(INT, attempt, "attempt", 1, ATTEMPT_MAX, 1)                                                  \
    X(STR, state, "state", 16, 0, 1)   /* SUCCESS, FAILED, KILLED */                               \
    X(STR, reason, "reason", 32, 0, 0) /* design 5.6 */                                            \
    X(STR, message, "message", LIMIT_MESSAGE, 0, 0)                                                \
    X(BOOL, exited, "exited", 0, 0, 0) /* a process ended: exitCode counts */                      \
    X(INT, exit_code, "exitCode", 0, 4294967295LL, 0)                                              \
    X(INT, signal, "signal", 0, 128, 0)                                                            \
    X(INT, stdout_bytes, "stdoutBytes", 0, INT53, 0)                                               \
    X(INT, stderr_bytes, "stderrBytes", 0, INT53, 0)                                               \
    X(BOOL, truncated, "truncated", 0, 0, 0)                                                       \
    X(INT, run_ms, "runMs", 0, INT53, 0)                                                           \
    X(OBJ, outputs, "outputs", LIMIT_OUTPUTS, 0, 0)                                                \
    X(STR, alive, "alive", LIMIT_MESSAGE, 0, 0) /* processes of it that could not be ended */

#define MSG_FIELDS_HEARTBEAT(X)                                                                    \
    X(INT, n, "n", 1, INT53, 1)             /* counts up within a session */                       \
    X(BOOL, ack_later, "ackLater", 0, 0, 0) /* with the next ack, or before the next job */

#define MSG_FIELDS_DECLINED(X)                                                                     \
    X(INT, seq, "seq", 1, INT53, 1)                                                                \
    X(ID, job, "job", 0, 0, 1)                                                                     \
    X(INT, attempt, "attempt", 1, ATTEMPT_MAX, 1)                                                  \
    X(STR, reason, "reason", 32, 0, 1) /* PROTOCOL.md section 5 */                                 \
    X(STR, message, "message", LIMIT_MESSAGE, 0, 0)

#define MSG_FIELDS_CLEARED(X)                                                                      \
    X(INT, seq, "seq", 1, INT53, 1)                                                                \
    X(ID, job, "job", 0, 0, 1)                                                                     \
    X(INT, attempt, "attempt", 1, ATTEMPT_MAX, 1)

#define MSG_FIELDS_BYE(X) X(STR, reason, "reason", LIMIT_MESSAGE, 0, 0)

#define MSG_FIELDS_ENROLLED(X)                                                                     \
    X(STR, agent, "agent", 64, 0, 1) /* the agent's id for ever */                                 \
    X(STR, name, "name", LIMIT_NAME, 0, 1)                                                         \
    X(STR, group, "group", LIMIT_GROUP_KEY, 0, 0)                                                  \
    X(STR, certificate, "certificate", 8192, 0, 1)                                                 \
    X(STR, ca, "ca", 8192, 0, 1)

#define MSG_FIELDS_WELCOME(X)                                                                      \
    X(INT, protocol, "protocol", 1, 1000, 1)                                                       \
    X(ARR, features, "features", 1024, 0, 0)                                                       \
    X(STR, version, "version", 64, 0, 1)                                                           \
    X(INT, lease_ms, "leaseMs", LEASE_MIN_MS, INT53, 1)                                            \
    X(INT, heartbeat_ms, "heartbeatMs", HEARTBEAT_MIN_MS, INT53, 1)                                \
    X(INT, seq, "seq", 0, INT53, 1)                  /* highest event that is durable here */      \
    X(INT, output_limit, "outputLimit", 0, INT53, 1) /* bytes a job, both streams */               \
    X(INT, wall_ms, "wallMs", 0, INT53, 0)           /* the coordinator's clock, to tell skew */   \
    X(ARR, addresses, "addresses", 4096, 0, 0)       /* where else it is found */

#define MSG_FIELDS_REFUSED(X)                                                                      \
    X(STR, code, "code", 48, 0, 1) /* PROTOCOL.md section 8 */                                     \
    X(STR, message, "message", LIMIT_MESSAGE, 0, 1)                                                \
    X(INT, retry_ms, "retryMs", 0, INT53, 0)   /* 0: do not come back by yourself */               \
    X(ARR, addresses, "addresses", 4096, 0, 0) /* not-owner: where the owner is found */

#define MSG_FIELDS_JOB(X)                                                                          \
    X(ID, job, "job", 0, 0, 1)                                                                     \
    X(INT, attempt, "attempt", 1, ATTEMPT_MAX, 1)                                                  \
    X(OBJ, spec, "spec", LIMIT_SPEC, 0, 1) /* PROTOCOL.md section 7 */                             \
    X(INT, lease_ms, "leaseMs", LEASE_MIN_MS, INT53, 1)                                            \
    X(INT, timeout_ms, "timeoutMs", 0, INT53, 0) /* 0: none */                                     \
    X(INT, output_limit, "outputLimit", 0, INT53, 0)

#define MSG_FIELDS_KILL(X)                                                                         \
    X(ID, job, "job", 0, 0, 1)                                                                     \
    X(INT, attempt, "attempt", 1, ATTEMPT_MAX, 1)                                                  \
    X(STR, reason, "reason", 32, 0, 1) /* cancelled, timeout */                                    \
    X(INT, grace_ms, "graceMs", 0, KILL_GRACE_MAX_MS, 1)

#define MSG_FIELDS_ACK(X)                                                                          \
    X(INT, seq, "seq", 0, INT53, 1)             /* everything up to here is durable */             \
    X(INT, heartbeat, "heartbeat", 0, INT53, 0) /* the last one seen; 0: none */

#define MSG_FIELDS_DISCARD(X)                                                                      \
    X(ID, job, "job", 0, 0, 1)                                                                     \
    X(INT, attempt, "attempt", 1, ATTEMPT_MAX, 1)                                                  \
    X(STR, reason, "reason", LIMIT_MESSAGE, 0, 0)

#define MSG_FIELDS_DRAIN(X)                                                                        \
    X(BOOL, on, "on", 0, 0, 0) /* true: take no more jobs; false: take jobs again */               \
    X(STR, reason, "reason", LIMIT_MESSAGE, 0, 0)

#define MSG_FIELDS_CERTIFICATE(X) X(STR, certificate, "certificate", 8192, 0, 1)
