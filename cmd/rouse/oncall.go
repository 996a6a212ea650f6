package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// onCall is who is on call in one roster, as GET /v1/oncall tells.
type onCall struct {
	Roster string `json:"roster"`
	OnCall []struct {
		Person   string    `json:"person"`
		Name     string    `json:"name"`
		Until    time.Time `json:"until"`
		Rotation string    `json:"rotation"`
		Turn     int       `json:"turn"`
		Override int64     `json:"override"`
		Instead  string    `json:"instead_of"`
		Drill    *badge    `json:"drill"`
	} `json:"on_call"`
}

func (c *cli) oncallCommand() *cobra.Command {
	var flags answerFlags
	var at, service, roster string
	cmd := &cobra.Command{
		Use:   "oncall",
		Short: "Show who is on call",
		Long: `Oncall shows who is on call in every roster, now or at another time: in one roster, or in those that
are paged for a service.`,
		Example: `  rouse oncall
  rouse oncall --service bitbucket
  rouse oncall --roster imoc --at "2026-12-24 18:00" --zone Europe/Berlin`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			query := url.Values{}
			for name, value := range map[string]string{"service": service, "roster": roster} {
				if value != "" {
					query.Set(name, value)
				}
			}
			if at != "" {
				t, err := r.soon(at, time.Now())
				if err != nil {
					return err
				}
				query.Set("at", t.UTC().Format(time.RFC3339))
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			items, _, err := api.list(cmd.Context(), "/v1/oncall", query, 10_000)
			if roster != "" && hasStatus(err, http.StatusNotFound) {
				return fmt.Errorf("%w `rouse oncall` shows all rosters", err)
			}
			if err != nil {
				return err
			}
			if flags.json {
				return c.printItems(items)
			}
			list, err := decoded[onCall](items)
			if err != nil {
				return err
			}
			if len(list) == 0 && service != "" && roster != "" {
				return errors.New(clean(fmt.Sprintf("service %s does not page roster %s: `rouse oncall --service %[1]s` shows whom it pages", service, roster)))
			}
			return c.print(onCallTable(list, r, time.Now()))
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "another time than now, such as \"2026-12-24 18:00\" or 18:00")
	cmd.Flags().StringVar(&service, "service", "", "only the rosters that are paged for this service")
	cmd.Flags().StringVar(&roster, "roster", "", "only this roster")
	flags.add(cmd)
	return cmd
}

func onCallTable(list []onCall, r reader, now time.Time) (t table) {
	if len(list) == 0 {
		t.add("", "There are no rosters. They are made through the API: POST /v1/rosters")
		return t
	}
	t.add(bold, "ROSTER", "ON CALL", "NAME", "UNTIL", "WHY", "LAST DRILL")
	for _, roster := range list {
		if len(roster.OnCall) == 0 {
			t.add(yellow, roster.Roster, "nobody")
		}
		for _, on := range roster.OnCall {
			why := fmt.Sprintf("rotation %s, turn %d", on.Rotation, on.Turn)
			if on.Rotation == "" {
				why = fmt.Sprintf("override %d", on.Override)
				if on.Instead != "" {
					why += " instead of " + on.Instead
				}
			}
			t.add(on.Drill.paint(), roster.Roster, on.Person, on.Name, r.show(on.Until), why, on.Drill.text(now))
		}
	}
	return t
}
