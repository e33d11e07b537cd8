/* What the machine does with the same bytes and no queue: `cat` through `openssl s_client` into
 * `openssl s_server`, which throws them away. */
#ifndef CADRE_TESTS_BENCH_OPENSSL_H
#define CADRE_TESTS_BENCH_OPENSSL_H

struct openssl_result {
    double seconds; /* from the start of cat to the end of the server */
    double cpu_s;   /* of all of them */
};
/* Makes a key and a certificate (P-256) in the folder. 0: there is no openssl. */
int openssl_prepare(const char *folder);
/* suites: a TLS 1.3 cipher suite, or NULL for what openssl takes by itself. 0: it did not work. */
int openssl_pass(const char *folder, const char *file, const char *suites,
                 struct openssl_result *out);

#endif
