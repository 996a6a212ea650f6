package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rouse/cmd/rouse/prove"
)

// proveFlags are what the command line says about a proof.
type proveFlags struct {
	only         []string
	seed         uint64
	trials       int
	quick, full  bool
	list, asJSON bool
	keep         bool
	previous     string
}

func (c *cli) proveCommand() *cobra.Command {
	var f proveFlags
	cmd := &cobra.Command{
		Use:   "prove [experiment ...]",
		Short: "Break a Rouse of its own in many ways, and count what was lost",
		Long: `Prove starts a Postgres of its own, providers, phones and this very program as several servers,
lets alerts come in and people answer, and breaks all of it from a seed. A ledger compares what was
accepted with what was sent, received and answered. Nothing that you run is touched.

It prints a line for each experiment, and every promise that was not kept, with the command that
shows it again. The exit status is 1 if there is one.

The experiments, of which all are done unless you name some:
` + wrapped(prove.Names()) + ".",
		Example: `  rouse prove                                  all, some minutes
  rouse prove kill --seed 123                  one, as it was with that seed
  rouse prove rosters simulator                two that need no database and no network
  rouse prove --full --keep                    hours; logs and database are kept`,
		RunE: func(cmd *cobra.Command, names []string) error {
			f.only = append(f.only, names...)
			if f.list {
				return c.listExperiments(f.asJSON)
			}
			if err := f.check(); err != nil {
				return err
			}
			if !cmd.Flags().Changed("seed") {
				f.seed = uint64(rand.Uint32())
			}
			return c.prove(cmd, f)
		},
	}
	cmd.Flags().StringSliceVar(&f.only, "experiment", nil, "experiments to do, comma-separated, the same as naming them; default all")
	cmd.Flags().Uint64Var(&f.seed, "seed", 0, "where all chance comes from; default another each time, printed")
	cmd.Flags().IntVar(&f.trials, "trials", 0, "how many trials each experiment makes; default as many as it usually does")
	cmd.Flags().BoolVar(&f.quick, "quick", false, "minutes; the default")
	cmd.Flags().BoolVar(&f.full, "full", false, "hours: enough to trust the figures")
	cmd.Flags().StringVar(&f.previous, "previous", "", "the release to run beside this one: its program, or a commit")
	cmd.Flags().BoolVar(&f.keep, "keep", false, "keep the folder with logs and databases, and say where it is")
	cmd.Flags().BoolVar(&f.list, "list", false, "tell the experiments and do none")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (f proveFlags) check() error {
	for _, name := range f.only {
		if !slices.Contains(prove.Names(), name) {
			return usagef("there is no experiment %q: choose from %s", name, strings.Join(prove.Names(), ", "))
		}
	}
	switch {
	case f.quick && f.full:
		return usagef("--quick and --full exclude each other: keep one")
	case f.trials < 0:
		return usagef("--trials %d is less than none: give a number from 1 up", f.trials)
	}
	return nil
}

func (c *cli) listExperiments(asJSON bool) error {
	if asJSON {
		return encodeJSON(c.stdout, prove.List())
	}
	var t table
	for _, e := range prove.List() {
		t.add("", e.Name, e.What)
	}
	return c.print(t)
}

func (c *cli) prove(cmd *cobra.Command, f proveFlags) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rouse-prove-")
	if err != nil {
		return err
	}
	if f.keep {
		defer fmt.Fprintln(c.stderr, "Logs and databases are in", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the database's account passes through
		return err
	}
	fmt.Fprintln(c.stderr, "Seed", f.seed)
	found, err := prove.Run(cmd.Context(), prove.Options{Executable: program, Only: f.only, Seed: f.seed, Previous: f.previous, Trials: f.trials, Full: f.full,
		Dir: dir, Getenv: c.getenv, Say: func(line string) { fmt.Fprintln(c.stderr, line) }})
	if printed := c.printProof(f, found); printed != nil || err != nil {
		return errors.Join(err, printed)
	}
	if n := prove.Breaches(found); n > 0 {
		return fmt.Errorf("%s", plural(n, "promise was not kept", "promises were not kept"))
	}
	return cmd.Context().Err()
}

func (c *cli) printProof(f proveFlags, found []prove.Result) error {
	if f.asJSON {
		return encodeJSON(c.stdout, map[string]any{"seed": f.seed, "experiments": found})
	}
	var t table
	for i, row := range prove.Rows(found) {
		paint := colour("")
		if i == 0 {
			paint = bold
		}
		t.add(paint, row...)
	}
	if err := c.print(t); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout)
	for _, line := range prove.Below(found) {
		fmt.Fprintln(c.stdout, line)
	}
	_, err := fmt.Fprintf(c.stdout, "Seed %d.\n", f.seed)
	return err
}

// wrapped lists names on lines that fit a terminal.
func wrapped(names []string) string {
	const width = 100
	text, line := "", ""
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		if line != "" && len(line)+1+len(name) > width {
			text, line = text+line+"\n", ""
		}
		if line != "" {
			line += " "
		}
		line += name
	}
	return text + line
}
