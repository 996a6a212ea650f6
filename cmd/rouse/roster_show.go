package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rouse/rosters"
)

// maxWeeks is what the API tells at once, 366 days, in whole weeks.
const maxWeeks = 52

func (c *cli) rosterShowCommand() *cobra.Command {
	var flags answerFlags
	var from string
	weeks := 4
	cmd := &cobra.Command{
		Use:   "show SLUG",
		Short: "Draw a roster's calendar, with its gaps and next hand-overs",
		Long: `Show draws the calendar of a roster: a row of seven days for each week, a line for each rotation, and in
each day who is on call, with the time of a hand-over within the day. Times are those of the reader's
zone. Below stand the times at which nobody is on call, the next hand-overs, and who was reached by the last
drills (see rouse drill).

A * marks who is on call by an override, [ ] today. A terminal of less than 80 columns gets a list.`,
		Example: `  rouse roster show bitbucket-im
  rouse roster show imoc --weeks 8 --from 2026-12-24
  rouse roster show dba --zone America/New_York`,
		Args: takes("SLUG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			if weeks < 1 || weeks > maxWeeks {
				return usagef("--weeks %d cannot be shown: use 1 to %d", weeks, maxWeeks)
			}
			var first time.Time
			if from != "" {
				if first, err = r.parse(from); err != nil {
					return err
				}
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			view, err := readRosterView(cmd.Context(), api, args[0], first, weeks, r)
			if err != nil {
				return aboutRoster(args[0], err)
			}
			if flags.json {
				return encodeJSON(c.stdout, view.raw())
			}
			return c.showRoster(view)
		},
	}
	cmd.Flags().IntVar(&weeks, "weeks", weeks, "how many weeks")
	cmd.Flags().StringVar(&from, "from", "", "a day of the first week, such as 2026-12-24 (default today)")
	flags.add(cmd)
	return cmd
}

// rosterView is a roster during some weeks of the reader's, as the API tells.
type rosterView struct {
	reader   reader
	now      time.Time // by Rouse's clock
	from, to time.Time
	roster   struct {
		Slug      string           `json:"slug"`
		Name      string           `json:"name"`
		Rotations []rotationAnswer `json:"rotations"`
	}
	drills struct {
		Before  string         `json:"before"` // "0s" is not at all
		Members []rosterMember `json:"members"`
	}
	onCall    onCall
	shifts    []rosterShift
	overrides []rosterOverride

	// As they came, for --json.
	rosterRaw, onCallRaw, drillsRaw json.RawMessage
	shiftsRaw                       []json.RawMessage
	overridesRaw                    []json.RawMessage
}

type rotationAnswer struct {
	ID           string   `json:"id"`
	Rank         int      `json:"rank"`
	Participants []string `json:"participants"`
}

type rosterMember struct {
	Person string `json:"person"`
	Name   string `json:"name"`
	Drill  *badge `json:"drill"`
}

type rosterShift struct {
	Person    string    `json:"person"`
	Name      string    `json:"name"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Rotation  string    `json:"rotation"`
	Override  int64     `json:"override"`
	InsteadOf string    `json:"instead_of"`
}

type rosterOverride struct {
	ID       int64  `json:"id"`
	Rotation string `json:"rotation"`
}

// readRosterView asks the API; first is an instant in the first week, zero for now.
func readRosterView(ctx context.Context, api *client, slug string, first time.Time, weeks int, r reader) (v rosterView, err error) {
	v.reader = r
	path := rosterPath(slug)
	if v.rosterRaw, err = api.get(ctx, path, nil, &v.roster); err != nil {
		return v, err
	}
	if v.drillsRaw, err = api.get(ctx, path+"/drill", nil, &v.drills); err != nil {
		return v, err
	}
	var present struct {
		onCall
		At time.Time `json:"at"`
	}
	if v.onCallRaw, err = api.get(ctx, path+"/oncall", nil, &present); err != nil {
		return v, err
	}
	v.onCall, v.now = present.onCall, present.At
	if first.IsZero() {
		first = v.now
	}
	v.from = r.monday(first)
	v.to = r.midnight(v.from, 7*weeks)
	span := url.Values{"from": {v.from.UTC().Format(time.RFC3339)}, "to": {v.to.UTC().Format(time.RFC3339)}}
	var shifts struct {
		Items []json.RawMessage `json:"items"`
	}
	if _, err = api.get(ctx, path+"/shifts", span, &shifts); err != nil {
		return v, err
	}
	v.shiftsRaw = shifts.Items
	if v.overridesRaw, _, err = api.list(ctx, path+"/overrides", span, 10_000); err != nil {
		return v, err
	}
	if v.shifts, err = decoded[rosterShift](v.shiftsRaw); err != nil {
		return v, err
	}
	v.overrides, err = decoded[rosterOverride](v.overridesRaw)
	return v, err
}

// raw is what --json writes.
func (v rosterView) raw() any {
	type gap struct {
		From time.Time `json:"from"`
		To   time.Time `json:"to"`
	}
	gaps := []gap{}
	for _, g := range v.gaps() {
		gaps = append(gaps, gap(g))
	}
	orNone := func(items []json.RawMessage) []json.RawMessage { return append([]json.RawMessage{}, items...) }
	return struct {
		From      time.Time         `json:"from"`
		To        time.Time         `json:"to"`
		Roster    json.RawMessage   `json:"roster"`
		OnCall    json.RawMessage   `json:"on_call"`
		Shifts    []json.RawMessage `json:"shifts"`
		Overrides []json.RawMessage `json:"overrides"`
		Gaps      []gap             `json:"gaps"`
		Drills    json.RawMessage   `json:"drills"`
	}{v.from.UTC(), v.to.UTC(), v.rosterRaw, v.onCallRaw, orNone(v.shiftsRaw), orNone(v.overridesRaw), gaps, v.drillsRaw}
}

// gaps are the times at which nobody is on call.
func (v rosterView) gaps() (gaps []rosters.Span) {
	shifts := slices.Clone(v.shifts)
	slices.SortStableFunc(shifts, func(a, b rosterShift) int { return a.From.Compare(b.From) })
	reached := v.from.UTC()
	for _, s := range append(shifts, rosterShift{From: v.to.UTC(), To: v.to.UTC()}) {
		if reached.Before(s.From) {
			gaps = append(gaps, rosters.Span{From: reached, To: s.From})
		}
		if reached.Before(s.To) {
			reached = s.To
		}
	}
	return gaps
}

// midnight is when a day begins, so many days after that of at. Where the clocks skip midnight, that is
// when they go on.
func (r reader) midnight(at time.Time, days int) time.Time {
	year, month, day := at.In(r.zone).Date()
	noon := time.Date(year, month, day+days, 12, 0, 0, 0, r.zone)
	begins := time.Date(year, month, day+days, 0, 0, 0, 0, r.zone)
	for begins.Day() != noon.Day() {
		begins = begins.Add(15 * time.Minute)
	}
	return begins
}

// monday is when the week of at begins.
func (r reader) monday(at time.Time) time.Time {
	return r.midnight(at, -(int(at.In(r.zone).Weekday())+6)%7)
}

// width is how many columns the reader sees.
func (c *cli) width() int {
	if n, err := strconv.Atoi(c.getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := c.stdout.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return leastWidth
}

func (c *cli) showRoster(v rosterView) error {
	lanes := v.lanes()
	calendar := v.list(lanes)
	if width := c.width(); width >= leastWidth {
		calendar = v.grid(lanes, width)
	}
	for i, part := range []drawing{v.head(), calendar, v.notes(), v.gapsInWords(), v.handOvers(lanes), v.lastDrills()} {
		if len(part) == 0 {
			continue
		}
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		if _, err := fmt.Fprint(c.stdout, part.text(c.paints())); err != nil {
			return err
		}
	}
	return nil
}
