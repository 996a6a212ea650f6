package main

import (
	"github.com/spf13/cobra"
)

func (c *cli) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the pager: take alerts, page people, answer requests",
		Long: `Serve takes alerts, pages people and answers requests, until it is told to stop (SIGTERM, Ctrl-C).
It then finishes what it is sending, for 15 seconds at the most.

Without ROUSE_DATABASE_URL it starts a private Postgres from binaries that are on the machine. That
is for trying Rouse out: it has no replica and no backup.

Several nodes may run on one database. Each does all the work there is; one that dies is not missed.

` + settingsHelp(),
		Example: `  rouse serve
  ROUSE_DATABASE_URL=postgres://rouse:secret@db/rouse ROUSE_PUBLIC_URL=https://rouse.example.com rouse serve`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := parseConfig(c.getenv, serverSections...)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, c.getenv, newLog(c.stderr, cfg))
		},
	}
}
