/* See openssl.h. */
#include "tests/bench/openssl.h"

#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES 1000
#define TRY_US 20000

static int shell(const char *folder, const char *name, char *script)
{
    char sh[] = "/bin/sh", flag[] = "-c";
    char *argv[] = {sh, flag, script, NULL};
    return bench_spawn(folder, name, argv, NULL);
}

int openssl_prepare(const char *folder)
{
    char script[1500];
    double cpu_s;
    snprintf(script, sizeof script,
             "exec openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
             " -subj /CN=localhost -keyout %s/openssl.key -out %s/openssl.pem",
             folder, folder);
    return bench_wait(shell(folder, "openssl-key", script), &cpu_s) == 0;
}

/* One that was free a moment ago. */
static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        bench_die("no free port");
    close(fd);
    return ntohs(a.sin_port);
}

int openssl_pass(const char *folder, const char *file, const char *suites,
                 struct openssl_result *out)
{
    char server[2000], client[2000], choice[100] = "";
    double client_cpu_s = 0, server_cpu_s;
    int port = free_port(), status = 1;
    int64_t from = 0;
    if (suites) snprintf(choice, sizeof choice, "-ciphersuites %s", suites);
    snprintf(server, sizeof server,
             "exec openssl s_server -quiet -naccept 1 -accept 127.0.0.1:%d %s"
             " -key %s/openssl.key -cert %s/openssl.pem >/dev/null",
             port, choice, folder, folder);
    snprintf(client, sizeof client,
             "cat %s | openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:%d %s", file, port,
             choice);
    int pid = shell(folder, "openssl-server", server);
    for (int i = 0; i < TRIES && status != 0; i++) { /* until it listens */
        if (i > 0) usleep(TRY_US);
        from = bench_now_ns();
        status = bench_wait(shell(folder, "openssl-client", client), &client_cpu_s);
    }
    if (status != 0) {
        bench_end(pid);
        return 0;
    }
    if (bench_wait(pid, &server_cpu_s) != 0) return 0;
    out->seconds = (double)(bench_now_ns() - from) / 1e9;
    out->cpu_s = client_cpu_s + server_cpu_s;
    return 1;
}
