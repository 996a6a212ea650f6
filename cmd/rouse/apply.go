package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// applyFlags are changeFlags, and how it is agreed to.
type applyFlags struct {
	changeFlags
	plan       string
	force, yes bool
}

func (c *cli) applyCommand() *cobra.Command {
	var flags applyFlags
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Make the configuration what a file says, as a whole",
		Long: `Apply shows what a file changes, as rouse plan does, asks, and does it: all of it, or nothing. What the
plan showed is what is done: if somebody changes anything meanwhile, it is refused.

Where nobody can be asked, name the plan that was looked at, with --plan, or say --yes. A change that would
leave an alert with nobody to page is refused unless --force.`,
		Example: `  rouse apply -f rouse.yaml
  rouse apply -f rouse.yaml --plan 3f9c1e8a0b7d2c44-51c0a2f3
  rouse apply -f rosters.yaml --keep --from "2026-12-24 09:00" --yes`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ask := flags.plan == "" && !flags.yes
			if ask && (flags.json || !asks(cmd.InOrStdin(), c.stdout)) {
				return usagef("nobody can be asked here: say --plan with what `rouse plan` shows at its end, or --yes")
			}
			ch, err := c.newChange(cmd, flags.changeFlags)
			if err != nil {
				return err
			}
			if flags.plan != "" {
				if flags.plan, err = ch.basis(flags.plan); err != nil {
					return err
				}
				return c.carryOut(cmd.Context(), ch, flags, true)
			}
			agreed, err := c.agree(cmd, ch, &flags, ask)
			if err != nil || !agreed {
				return err
			}
			return c.carryOut(cmd.Context(), ch, flags, false)
		},
	}
	cmd.Flags().StringVar(&flags.plan, "plan", "", "the plan that was looked at, as rouse plan shows it at its end")
	cmd.Flags().BoolVar(&flags.force, "force", false, "do it even though some alert would then find nobody to page")
	cmd.Flags().BoolVar(&flags.yes, "yes", false, "do not ask")
	flags.changeFlags.add(cmd)
	return cmd
}

// agree shows the plan and asks. What it is made on is what may be changed.
func (c *cli) agree(cmd *cobra.Command, ch *change, flags *applyFlags, ask bool) (bool, error) {
	p, raw, err := ch.rehearse(cmd.Context())
	if err != nil {
		return false, err
	}
	flags.plan = p.BasedOn
	if len(p.Changes) == 0 && flags.json {
		return false, c.printJSON(raw)
	}
	if len(p.Changes) == 0 {
		return false, c.showPlan(ch, p)
	}
	if !flags.json {
		if err := c.showChanges(p, ch.reader); err != nil {
			return false, err
		}
	}
	if n := len(p.Effects.HolesOpened); n > 0 && !flags.force {
		return false, fmt.Errorf("nothing is changed: %s would open, in which an alert finds nobody to page. Close them first, or say --force", plural(n, "hole", "holes"))
	}
	if !ask {
		return true, nil
	}
	question := fmt.Sprintf("\n%s. Do it? [y/N] ", p.counts("to create", "to change", "to delete"))
	if confirmed(cmd.InOrStdin(), c.stdout, question) {
		return true, nil
	}
	return false, c.print(said("", "Nothing is changed."))
}

// carryOut does what the plan says, and tells.
func (c *cli) carryOut(ctx context.Context, ch *change, flags applyFlags, unseen bool) error {
	done, raw, err := ch.do(ctx, flags.force, flags.plan)
	if err != nil {
		return err
	}
	if flags.json {
		return c.printJSON(raw)
	}
	if len(done.Changes) == 0 {
		return c.showPlan(ch, done)
	}
	if unseen {
		if err := c.print(done.steps()); err != nil {
			return err
		}
	}
	return c.print(said(green, "", "Done: "+done.counts("created", "changed", "deleted")+"."))
}

// asks reports whether there is somebody to ask.
func asks(in io.Reader, out io.Writer) bool {
	from, inOK := in.(*os.File)
	to, outOK := out.(*os.File)
	return inOK && outOK && term.IsTerminal(int(from.Fd())) && term.IsTerminal(int(to.Fd()))
}

// confirmed asks, and takes anything but a yes for a no.
func confirmed(in io.Reader, out io.Writer, question string) bool {
	fmt.Fprint(out, question)
	answer, _ := bufio.NewReader(in).ReadString('\n') // no answer is none
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}
