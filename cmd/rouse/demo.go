package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"rouse/cmd/rouse/demo"
)

func (c *cli) demoCommand() *cobra.Command {
	var script bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play Rouse with a made-up company, here and now",
		Long: `Demo plays Rouse on this machine: with a made-up company of three services and twelve people, whose
phones are simulated, and the real server and a private Postgres, which end with it. Nothing has to be
set up, no setting is read, and nobody outside is called.

An alert comes in at once. What the phones do after that is typed: ` + "`ann ack`, `bob press 1`, `help`" + `.
The server can be killed and started again under it. Ctrl-D ends it, with a table of what was sent.

With --script it plays a fixed story instead, in about half a minute, and checks every step: the exit
status is 0 only if all of it came true. Where standard input is no terminal, commands are read from it
until it ends (` + "`wait 5`" + ` lets time pass); if it is empty, the fixed story is played.`,
		Example: `  rouse demo
  rouse demo --script
  printf 'wait 2\nann push ack\nwait 1\nshow HOT-1\n' | rouse demo`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			executable, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding rouse's own file, to run it as the server: %w", err)
			}
			return demo.Run(cmd.Context(), demo.Config{
				Script:     script,
				Executable: executable,
				Environ:    withoutSettings(os.Environ()),
				Getenv:     c.getenv,
				Stdin:      cmd.InOrStdin(),
				Stdout:     c.stdout,
			})
		},
	}
	cmd.Flags().BoolVar(&script, "script", false, "play the fixed story and check it")
	return cmd
}

// withoutSettings is an environment in which nothing of Rouse's is set.
func withoutSettings(environ []string) (rest []string) {
	for _, entry := range environ {
		if !strings.HasPrefix(entry, "ROUSE_") {
			rest = append(rest, entry)
		}
	}
	return rest
}
