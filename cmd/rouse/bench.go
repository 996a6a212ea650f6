package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"rouse/cmd/rouse/bench"
)

// benchFlags are what `rouse bench` is asked for.
type benchFlags struct {
	only         []string
	full, quick  bool
	url, service string
	yes, json    bool
}

func (c *cli) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this Rouse on this machine, or one that runs already",
		Long: `Bench starts a Postgres of its own, a provider and this very program as a server, measures it from
outside, and prints figures with the goal beside each. Nothing that you run is touched. It takes
about six minutes. All of it shares this machine: leave that alone meanwhile.

Experiments, and how long each takes on two cores:
` + experiments() + `Those marked * run when they are named, or with --full.

With --url it measures a Rouse that runs already, in half a minute: how many alerts it takes, new and
repeated, how long the questions who is on call and what is open take, and by its own metrics how
soon it paged. That opens incidents of a service, and WHOEVER IS ON CALL THERE IS PAGED FOR EACH: use
a service made for it. What comes on top of a few pages in ten seconds is bundled, and waits up to
2 s for that. The incidents are resolved afterwards. ROUSE_TOKEN is a key with the scopes intake and
read.`,
		Example: `  rouse bench
  rouse bench --only latency,timers --json
  ROUSE_TOKEN=rouse_… rouse bench --url https://rouse.example.com --service bench --yes`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if f.url != "" {
				return c.benchRemote(cmd, f)
			}
			return c.bench(cmd, f)
		},
	}
	cmd.Flags().StringSliceVar(&f.only, "only", nil, "experiments to run, comma-separated")
	cmd.Flags().BoolVar(&f.full, "full", false, "run the long experiments, too")
	cmd.Flags().BoolVar(&f.quick, "quick", false, "do a tenth of everything: shows that it works, and little else")
	cmd.Flags().StringVar(&f.url, "url", "", "measure the Rouse that runs there")
	cmd.Flags().StringVar(&f.service, "service", "", "with --url: the service to open incidents of")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "with --url: really do it")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// experiments is the list in the help.
func experiments() string {
	var b strings.Builder
	for _, e := range bench.Experiments() {
		mark := ""
		if e.Long {
			mark = "*"
		}
		fmt.Fprintf(&b, "  %-15s %6s  %s\n", e.Name+mark, e.Takes, e.What)
	}
	return b.String()
}

func (f benchFlags) check() error {
	for _, name := range f.only {
		if !slices.Contains(bench.Names(), name) {
			return usagef("there is no experiment %q: choose from %s", name, strings.Join(bench.Names(), ", "))
		}
	}
	switch {
	case f.url == "" && (f.service != "" || f.yes):
		return usagef("--service and --yes are about a Rouse that runs already: name it with --url")
	case f.url == "":
		return nil
	case len(f.only) > 0 || f.full || f.quick:
		return usagef("--only, --full and --quick do not go with --url, which has its own measurements")
	case f.service == "":
		return usagef("name the service to open incidents of with --service: whoever is on call there is paged")
	case !f.yes:
		return usagef("this opens up to %d incidents of severity 1 at %s, service %s. Whoever is on call for it is paged for each, by every "+
			"channel of their plan. They are resolved at the end. Add --yes to do it", bench.RemoteIncidents(), f.url, f.service)
	}
	return nil
}

func (c *cli) say(line string) { fmt.Fprintln(c.stderr, line) }

func (c *cli) bench(cmd *cobra.Command, f benchFlags) error {
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
	figures, err := bench.Run(cmd.Context(), bench.Options{Executable: program, Only: f.only, Full: f.full, Quick: f.quick, Dir: dir,
		Getenv: c.getenv, Say: c.say})
	return errors.Join(c.printFigures(figures, f.json), err)
}

func (c *cli) benchRemote(cmd *cobra.Command, f benchFlags) error {
	cfg, err := parseConfig(func(name string) string {
		if name == "ROUSE_URL" {
			return f.url
		}
		return c.getenv(name)
	}, clients)
	if err != nil {
		return err
	}
	if cfg.token == "" {
		return usagef("set ROUSE_TOKEN to a key with the scopes intake and read: `rouse token create --scope intake,read --name bench` makes one")
	}
	figures, err := bench.AgainstRemote(cmd.Context(), bench.Remote{URL: cfg.url, Key: cfg.token, Service: f.service, Say: c.say})
	return errors.Join(c.printFigures(figures, f.json), err)
}

// printFigures prints those that were found, also when something went wrong then.
func (c *cli) printFigures(figures []bench.Figure, asJSON bool) error {
	switch {
	case len(figures) == 0:
		return nil
	case asJSON:
		return encodeJSON(c.stdout, figures)
	}
	var t table
	t.add(bold, "FIGURE", "VALUE", "UNIT", "GOAL", "N")
	for _, f := range figures {
		n := ""
		if f.N > 0 {
			n = strconv.Itoa(f.N)
		}
		t.add("", f.Name, digits(f.Value), f.Unit, f.Goal, n)
	}
	return c.print(t)
}

// digits writes a measured value with three digits or so: more are noise.
func digits(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10 || v <= -10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 0.1 || v <= -0.1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
}
