package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// cli is what every command works with.
type cli struct {
	getenv         func(string) string
	stdout, stderr io.Writer
}

func rootCommand(c *cli) *cobra.Command {
	root := &cobra.Command{
		Use:   "rouse",
		Short: "Page whoever is on call, until somebody answers",
		Long: `Rouse takes alerts and pages whoever is on call, by push, SMS and voice, until somebody answers.

An alert that Rouse accepted pages someone, or says why it could not.`,
		Example: `  rouse serve                         run Rouse; without a database of yours, on a private one
  rouse oncall                        who is on call now
  rouse ack HOT-1234                  answer a page`,
		Version:           version(),
		SilenceErrors:     true, // main prints them
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              noSuchCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetVersionTemplate("rouse {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w\nRun `%s --help`.", err, cmd.CommandPath())
	})
	group(root, "Ask a running Rouse:", c.oncallCommand(), c.rosterCommand(), c.coverageCommand(), c.whowouldCommand(), c.incidentsCommand(), c.raiseCommand(), c.describeCommand(), c.ackCommand(), c.pageCommand(), c.drillCommand(), c.sendCommand(), c.heartbeatCommand(), c.contactCommand())
	group(root, "Keep the configuration in a file:", c.exportCommand(), c.planCommand(), c.applyCommand())
	group(root, "Run Rouse:", c.serveCommand(), c.migrateCommand(), c.tokenCommand(), c.providerCommand(), c.templateCommand(), c.doctorCommand())
	group(root, "Try Rouse:", c.demoCommand(), c.benchCommand(), c.proveCommand(), c.intakeCommand())
	return root
}

// group adds commands that the help shows below one title.
func group(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = title
		root.AddCommand(cmd)
	}
}

// noSuchCommand refuses whatever follows a command that only has subcommands.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("Run `%s --help`.", cmd.CommandPath())
	if cmd.SuggestionsMinimumDistance == 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("Did you mean `%s %s`?", cmd.CommandPath(), strings.Join(near, "` or `"))
	}
	return usagef("there is no command %q. %s", cmd.CommandPath()+" "+args[0], hint)
}

// takes checks the number of arguments: their names, an optional one in brackets.
func takes(names ...string) cobra.PositionalArgs {
	least := 0
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			least++
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s is missing. Run `%s --help`.", names[len(args)], cmd.CommandPath())
		case len(args) > len(names):
			return usagef("%q is one argument too many. Run `%s --help`.", args[len(names)], cmd.CommandPath())
		}
		return nil
	}
}

// version is the module's version as the build recorded it, "devel" for a build of a checkout.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
