/* Where things are by default (design section 2). Twin files. Texts are UTF-8; results:
 * mem_free. */
#ifndef CADRE_PLATFORM_PATHS_H
#define CADRE_PLATFORM_PATHS_H

char *paths_agent_config(void); /* /etc/cadre/agent.yaml, %ProgramData%\Cadre\agent.yaml */
char *paths_agent_state(void);  /* /var/lib/cadre/agent */
char *paths_coordinator_config(void);
char *paths_coordinator_state(void);
char *paths_user_config(
    /* ~/.config/cadre/config.yaml ($XDG_CONFIG_HOME), %APPDATA%\Cadre\config.yaml; NULL: no home */
    void);
char *paths_agent_log(void); /* NULL on Linux: the journal has it */
char *paths_zoneinfo(void);  /* /usr/share/zoneinfo; NULL on Windows, which has no such files */
char *paths_self(void);      /* the running program's file */
/* A name under which this process can start the running program, also when its file has been
 * replaced. */
char *paths_self_to_start(void);
char *paths_temp(void);                                 /* folder for scratch files */
char *paths_join(const char *folder, const char *name); /* with the right separator */
char *paths_dir(const char *path); /* the folder part, "." when there is none */

#endif
