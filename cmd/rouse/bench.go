package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"rouse/cmd/rouse/bench"
)

func (c *cli) benchCommand() *cobra.Command {
	var only []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this Rouse on this machine",
		Long: `Bench starts a Postgres of its own, a provider and this very program as a server, measures it from
outside, and prints figures with the goal beside each. Nothing that you run is touched. It takes
about a minute and a half.

Experiments: ` + strings.Join(bench.Names(), ", ") + ".",
		Example: `  rouse bench
  rouse bench --only latency,timers --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range only {
				if !slices.Contains(bench.Names(), name) {
					return usagef("there is no experiment %q: choose from %s", name, strings.Join(bench.Names(), ", "))
				}
			}
			return c.bench(cmd, only, asJSON)
		},
	}
	cmd.Flags().StringSliceVar(&only, "only", nil, "experiments to run, comma-separated; default all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) bench(cmd *cobra.Command, only []string, asJSON bool) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rouse-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the database's account passes through
		return err
	}
	figures, err := bench.Run(cmd.Context(), bench.Options{Executable: program, Only: only, Dir: dir, Getenv: c.getenv,
		Say: func(line string) { fmt.Fprintln(c.stderr, line) }})
	if err != nil {
		return err
	}
	if asJSON {
		return encodeJSON(c.stdout, figures)
	}
	var t table
	t.add(bold, "FIGURE", "VALUE", "UNIT", "GOAL", "N")
	for _, f := range figures {
		n := ""
		if f.N > 0 {
			n = strconv.Itoa(f.N)
		}
		t.add("", f.Name, strconv.FormatFloat(f.Value, 'f', 1, 64), f.Unit, f.Goal, n)
	}
	return c.print(t)
}
