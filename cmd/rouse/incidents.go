package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// statuses are what --status may be, and what it asks for.
var statuses = map[string][]string{
	"open":     {"new", "fixing"},
	"new":      {"new"},
	"fixing":   {"fixing"},
	"resolved": {"resolved"},
	"all":      nil,
}

// incidentSummary is one incident of GET /v1/incidents.
type incidentSummary struct {
	Key      string    `json:"key"`
	Service  string    `json:"service"`
	Severity int       `json:"severity"`
	Summary  string    `json:"summary"`
	Status   string    `json:"status"`
	Manager  string    `json:"manager"`
	Alerts   int       `json:"alerts"`
	OpenedAt time.Time `json:"opened_at"`
}

func (c *cli) incidentsCommand() *cobra.Command {
	var flags answerFlags
	var status string
	var limit int
	cmd := &cobra.Command{
		Use:   "incidents [KEY]",
		Short: "List incidents, or show one with its timeline",
		Long: `Incidents lists incidents, the newest first: those that are open, unless --status says otherwise.
With a KEY it shows that incident: who was paged, how, why and when.`,
		Example: `  rouse incidents
  rouse incidents --status resolved --limit 10
  rouse incidents HOT-1234`,
		Args: takes("[KEY]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			asked, known := statuses[status]
			if !known {
				return usagef("there is no status %q: use open, new, fixing, resolved or all", status)
			}
			if limit < 1 {
				return usagef("--limit %d is too small: use 1 or more", limit)
			}
			if len(args) == 1 {
				return c.showIncident(cmd.Context(), args[0], r, flags.json)
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			query := url.Values{}
			if asked != nil {
				query["status"] = slices.Clone(asked)
			}
			items, more, err := api.list(cmd.Context(), "/v1/incidents", query, limit)
			if err != nil {
				return err
			}
			if flags.json {
				return c.printItems(items)
			}
			list, err := decoded[incidentSummary](items)
			if err != nil {
				return err
			}
			return c.print(incidentTable(list, more, r))
		},
	}
	cmd.Flags().StringVar(&status, "status", "open", "open, new, fixing, resolved or all")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many at most")
	flags.add(cmd)
	return cmd
}

func incidentTable(list []incidentSummary, more bool, r reader) (t table) {
	if len(list) == 0 {
		t.add(green, "No incidents.")
		return t
	}
	t.add(bold, "KEY", "SEV", "STATUS", "MANAGER", "SERVICE", "OPENED", "ALERTS", "SUMMARY")
	for _, in := range list {
		t.add(paintOf(in.Severity, in.Status), in.Key, fmt.Sprint(in.Severity), in.Status, orDash(in.Manager), orDash(in.Service),
			r.show(in.OpenedAt), fmt.Sprint(in.Alerts), oneLine(in.Summary))
	}
	if more {
		t.add(faint, "There are more: --limit shows them.")
	}
	return t
}

// paintOf marks what nobody has in hand yet.
func paintOf(severity int, status string) colour {
	switch {
	case status == "resolved":
		return faint
	case status == "new" && severity < 3:
		return red
	case status == "new":
		return yellow
	}
	return ""
}

func orDash(text string) string {
	if strings.TrimSpace(text) == "" {
		return "-"
	}
	return text
}
