package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// maxDays is what GET /v1/coverage looks at at most.
const maxDays = 92

// coverage is when an alert would find nobody to page, as GET /v1/coverage tells.
type coverage struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Holes []hole    `json:"holes"`
	More  bool      `json:"more"`

	Unreached []struct {
		Text string `json:"text"`
	} `json:"unreached"` // whose last drill failed
}

type hole struct {
	Kind    string    `json:"kind"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Where   string    `json:"where"`
	Problem string    `json:"problem"`
	Remedy  string    `json:"remedy"`
}

func (c *cli) coverageCommand() *cobra.Command {
	var flags answerFlags
	var from, service string
	days := 30
	cmd := &cobra.Command{
		Use:   "coverage",
		Short: "Prove that every alert would find somebody to page, or show when not",
		Long: `Coverage walks every service, severity and instant of the next days through policy, rosters and
contacts, as a page would go, and shows each hole: when it is, what would not be paged, why, and what
to do. Severity 3 counts only in the service's working hours.

People whose last drill failed are warned of below (see rouse drill).

The exit status is 1 if there is a hole.`,
		Example: `  rouse coverage
  rouse coverage --days 90 --service bitbucket
  rouse coverage --from 2026-12-20 --days 14 --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			if days < 1 || days > maxDays {
				return usagef("--days %d cannot be looked at: use 1 to %d", days, maxDays)
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			query := url.Values{"zone": {coverageZone(r)}}
			if service != "" {
				query.Set("service", service)
			}
			begins := time.Now()
			if from != "" {
				if begins, err = r.parse(from); err != nil {
					return err
				}
				query.Set("from", begins.UTC().Format(time.RFC3339))
			}
			query.Set("to", begins.AddDate(0, 0, days).UTC().Format(time.RFC3339))
			var found coverage
			raw, err := api.get(cmd.Context(), "/v1/coverage", query, &found)
			if err != nil {
				return err
			}
			if flags.json {
				if err := encodeJSON(c.stdout, json.RawMessage(raw)); err != nil {
					return err
				}
			} else if err := c.printCoverage(found, r); err != nil {
				return err
			}
			return found.err()
		},
	}
	cmd.Flags().IntVar(&days, "days", days, "how many days are looked at")
	cmd.Flags().StringVar(&from, "from", "", "the first day, such as 2026-12-24 (default now)")
	cmd.Flags().StringVar(&service, "service", "", "only this service, beside the catch-all roster")
	flags.add(cmd)
	return cmd
}

// printCoverage shows the holes, and below them who may not be reached though there is no hole.
func (c *cli) printCoverage(found coverage, r reader) error {
	if err := c.print(coverageTable(found, r)); err != nil || len(found.Unreached) == 0 {
		return err
	}
	var t table
	for _, u := range found.Unreached {
		t.add(yellow, "Warning: "+u.Text)
	}
	return c.print(t)
}

func coverageTable(c coverage, r reader) (t table) {
	if len(c.Holes) == 0 {
		t.add(green, fmt.Sprintf("Every alert finds somebody to page, from %s to %s.", r.show(c.From), r.show(c.To)))
		return t
	}
	t.add(bold, "FROM", "TO", "WHAT", "WHY", "REMEDY")
	for _, h := range c.Holes {
		colour := yellow
		if h.Kind == "nobody" {
			colour = red
		}
		t.add(colour, r.show(h.From), r.show(h.To), h.Where, h.Problem, h.Remedy)
	}
	return t
}

func (c coverage) err() error {
	switch n := len(c.Holes); {
	case c.More:
		return fmt.Errorf("more than %d holes: close those first", n)
	case n == 1:
		return fmt.Errorf("1 hole: close it, or put up with it")
	case n > 1:
		return fmt.Errorf("%d holes: close them, or put up with them", n)
	}
	return nil
}

// coverageZone is the zone that texts come in: the reader's, if the server can know it by its name.
func coverageZone(r reader) string {
	if name := r.zone.String(); name != "Local" {
		return name
	}
	return "UTC"
}
