package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// drillPoll is how often a drill that is waited for is looked at.
const drillPoll = time.Second

// drill is one as GET /v1/drills/{key} tells.
type drill struct {
	Key           string    `json:"key"`
	Person        string    `json:"person"`
	Roster        string    `json:"roster"`
	At            time.Time `json:"at"`
	Until         time.Time `json:"until"`
	EndedAt       time.Time `json:"ended_at"`
	Result        string    `json:"result"`
	AnsweredAfter string    `json:"answered_after"`
	Channel       string    `json:"channel"`
	Why           string    `json:"why"`
}

// started is the answer to POST /v1/drills.
type started struct {
	Items   []json.RawMessage `json:"items"`
	Refused []struct {
		Person string `json:"person"`
		Why    string `json:"why"`
	} `json:"refused"`
}

func (c *cli) drillCommand() *cobra.Command {
	var flags answerFlags
	var person, roster, before string
	var list, noWait bool
	cmd := &cobra.Command{
		Use:   "drill",
		Short: "Page somebody with a TEST, to see whether pages reach them",
		Long: `Drill sends a page labelled TEST to a person, or to everybody who is on call in a roster, over their real
plan to wake: push, SMS, calls. Any answer passes it, a decline too; it fails two minutes after the last
contact of the plan (5 minutes after its beginning at least, 30 at most). Nobody else is paged for it, and
a real page stops it. It waits until all are over, and shows what happens.

With --before-shifts a roster has whoever comes on call drilled so long before each shift (10m to 168h), by
day, unless they passed a drill within seven days.

The exit status is 1 if a drill failed, or somebody could not be drilled.`,
		Example: `  rouse drill --person ann
  rouse drill --roster bitbucket-im
  rouse drill --roster bitbucket-im --no-wait
  rouse drill --list
  rouse drill --roster bitbucket-im --before-shifts 2h
  rouse drill --roster bitbucket-im --before-shifts off`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkDrill(cmd, list, person, roster, before); err != nil {
				return err
			}
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			switch {
			case list:
				return c.listBadges(cmd.Context(), api, person, roster, r, flags.json)
			case before != "":
				return c.drillBeforeShifts(cmd.Context(), api, roster, before, flags.json)
			}
			return c.drill(cmd.Context(), api, person, roster, noWait, flags.json)
		},
	}
	cmd.Flags().StringVar(&person, "person", "", "handle of the person to drill")
	cmd.Flags().StringVar(&roster, "roster", "", "drill everybody who is on call in this roster")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait until the drills are over")
	cmd.Flags().BoolVar(&list, "list", false, "show last drills; with --roster of those on call")
	cmd.Flags().StringVar(&before, "before-shifts", "", "have drills so long before each shift, 2h, or off")
	flags.add(cmd)
	return cmd
}

func checkDrill(cmd *cobra.Command, list bool, person, roster, before string) error {
	waits := cmd.Flags().Changed("no-wait")
	switch {
	case person != "" && roster != "":
		return usagef("--person and --roster: say one of them")
	case list && (before != "" || waits):
		return usagef("--list only shows: it goes with --person, --roster and --json")
	case before != "" && (roster == "" || waits):
		return usagef("--before-shifts is for a roster, and starts nothing now: rouse drill --roster bitbucket-im --before-shifts 2h")
	case !list && person == "" && roster == "":
		return usagef("who is to be drilled? Say --person ann, or --roster bitbucket-im. Run `rouse drill --help`.")
	}
	return nil
}

// drill starts drills and, unless nobody is to wait, follows them to their ends.
func (c *cli) drill(ctx context.Context, api *client, person, roster string, noWait, asJSON bool) error {
	body := map[string]string{"person": person}
	if roster != "" {
		body = map[string]string{"roster": roster}
	}
	var began started
	raw, err := api.post(ctx, "/v1/drills", body, &began)
	if hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("%w `rouse oncall` shows rosters and who is on call", err)
	}
	if err != nil {
		return err
	}
	drills, err := decoded[drill](began.Items)
	if err != nil {
		return err
	}
	var t table
	for _, no := range began.Refused {
		t.add(yellow, fmt.Sprintf("No drill of %s: %s.", no.Person, no.Why))
	}
	for _, d := range drills {
		t.add("", fmt.Sprintf("%s: %s is paged with a test, until %s at the latest.", d.Key, d.Person, d.Until.Local().Format("15:04:05")))
	}
	if !asJSON {
		if err := c.print(t); err != nil {
			return err
		}
	} else if noWait {
		return errors.Join(c.printJSON(raw), began.err(nil))
	}
	if noWait {
		return began.err(nil)
	}
	var over []drill
	began.Items, over, err = c.follow(ctx, api, drills, asJSON)
	if err != nil {
		return err
	}
	if asJSON {
		if err := encodeJSON(c.stdout, began); err != nil {
			return err
		}
	}
	return began.err(over)
}

// follow shows what happens in drills until all are over, and gives them as they are then.
func (c *cli) follow(ctx context.Context, api *client, drills []drill, silent bool) (raws []json.RawMessage, over []drill, err error) {
	shown := make([]int, len(drills))
	raws, over = make([]json.RawMessage, len(drills)), make([]drill, len(drills))
	tick := time.NewTicker(drillPoll)
	defer tick.Stop()
	for left := len(drills); ; {
		for i, d := range drills {
			if !over[i].EndedAt.IsZero() {
				continue
			}
			// The drill first: once it is over its timeline says all.
			if raws[i], err = api.get(ctx, "/v1/drills/"+url.PathEscape(d.Key), nil, &over[i]); err != nil {
				return nil, nil, err
			}
			if !silent {
				if shown[i], err = c.showProgress(ctx, api, d, shown[i]); err != nil {
					return nil, nil, err
				}
			}
			if over[i].EndedAt.IsZero() {
				continue
			}
			left--
			if !silent {
				if err := c.print(resultTable(over[i])); err != nil {
					return nil, nil, err
				}
			}
		}
		if left == 0 {
			return raws, over, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// showProgress writes what the timeline of a drill says about messages beyond its first lines, and how many lines
// it has by now.
func (c *cli) showProgress(ctx context.Context, api *client, d drill, from int) (int, error) {
	var in struct {
		Timeline []struct {
			At      time.Time `json:"at"`
			Channel string    `json:"channel"`
			Text    string    `json:"text"`
		} `json:"timeline"`
	}
	if _, err := api.get(ctx, incidentPath(d.Key), nil, &in); err != nil {
		return from, err
	}
	var t table
	for _, line := range in.Timeline[min(from, len(in.Timeline)):] {
		if line.Channel != "" {
			t.add(faint, fmt.Sprintf("%s  %5s  %s", d.Key, line.At.Sub(d.At).Round(time.Second), oneLine(line.Text)))
		}
	}
	if len(t.lines) > 0 {
		if err := c.print(t); err != nil {
			return from, err
		}
	}
	return len(in.Timeline), nil
}

func resultTable(d drill) (t table) {
	paint := green
	if d.Result == "failed" || d.Result == "stopped" {
		paint = red
	}
	t.add(paint, fmt.Sprintf("%s: %s: %s.", d.Key, d.Person, strings.TrimSuffix(d.outcome(), ".")))
	return t
}

// outcome is a drill's result in words.
func (d drill) outcome() string {
	switch d.Result {
	case "passed":
		return fmt.Sprintf("passed, answered after %s by %s", d.AnsweredAfter, d.Channel)
	case "declined":
		return fmt.Sprintf("passed, declined after %s by %s: the page arrived", d.AnsweredAfter, d.Channel)
	case "":
		return "under way"
	}
	if d.Why == "" {
		return d.Result
	}
	return d.Result + ": " + strings.TrimPrefix(strings.TrimPrefix(d.Why, "Drill failed. "), "Resolved. ")
}

// err says what is to be done about those that did not pass.
func (s started) err(over []drill) error {
	var failed, stopped []string
	for _, d := range over {
		switch d.Result {
		case "failed":
			failed = append(failed, d.Person)
		case "stopped":
			stopped = append(stopped, d.Person)
		}
	}
	switch {
	case len(failed) > 0:
		return fmt.Errorf("no answer from %s: make their contacts work (`rouse contact verify` tests one), then drill again", strings.Join(failed, ", "))
	case len(stopped) > 0:
		return fmt.Errorf("the drill of %s was stopped: drill again later", strings.Join(stopped, ", "))
	case len(s.Refused) > 0:
		return errors.New("not everybody could be drilled: drill again later")
	}
	return nil
}

func (c *cli) drillBeforeShifts(ctx context.Context, api *client, roster, before string, asJSON bool) error {
	if before == "off" {
		before = "0s"
	}
	if _, err := time.ParseDuration(before); err != nil {
		return usagef("--before-shifts %q is no time: write 2h, 30m, or off", before)
	}
	var kept struct {
		Before string `json:"before"`
	}
	raw, err := api.do(ctx, http.MethodPut, rosterPath(roster)+"/drill", map[string]string{"before": before}, &kept)
	if err != nil {
		return aboutRoster(roster, err)
	}
	if asJSON {
		return c.printJSON(raw)
	}
	text := fmt.Sprintf("Whoever comes on call in roster %s is drilled %s before the shift, by day.", roster, kept.Before)
	if kept.Before == "0s" {
		text = fmt.Sprintf("Nobody is drilled before the shifts of roster %s.", roster)
	}
	var t table
	t.add(green, text)
	return c.print(t)
}
