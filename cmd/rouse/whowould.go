package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// forecast is what would become of an alert, as POST /v1/simulate tells.
type forecast struct {
	At       time.Time `json:"at"`
	Service  string    `json:"service"`
	Severity int       `json:"severity"`
	Policy   string    `json:"policy"`
	Joins    string    `json:"joins"`
	Unpaged  bool      `json:"unpaged"`
	Remarks  []string  `json:"remarks"`
	Again    time.Time `json:"again"`
	Pages    []struct {
		At       time.Time `json:"at"`
		Person   string    `json:"person"`
		Name     string    `json:"name"`
		Role     string    `json:"role"`
		Level    int       `json:"level"`
		CatchAll bool      `json:"catch_all"`
		Contacts []struct {
			At      time.Time `json:"at"`
			Channel string    `json:"channel"`
			Address string    `json:"address"`
		} `json:"contacts"`
	} `json:"pages"`
	Lines []struct {
		At     time.Time `json:"at"`
		Reason string    `json:"reason"`
		Text   string    `json:"text"`
	} `json:"lines"`
}

// simulation is what is asked.
type simulation struct {
	Service  string            `json:"service,omitempty"`
	Severity int               `json:"severity,omitempty"`
	Word     string            `json:"word,omitempty"`
	Source   string            `json:"source,omitempty"`
	Summary  string            `json:"summary,omitempty"`
	DedupKey string            `json:"dedup_key,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	At       time.Time         `json:"at,omitzero"`
}

func (c *cli) whowouldCommand() *cobra.Command {
	var flags answerFlags
	var ask simulation
	var at string
	var labels []string
	var why bool
	cmd := &cobra.Command{
		Use:   "whowould",
		Short: "Show who would be paged for an alert, on which contacts and when",
		Long: `Whowould asks what would become of an alert, now or at another time: by the routing rules, maintenance,
delays, working hours, the policy, who is on call at each moment and each person's contacts, if every
message arrived and nobody answered. It is told by the very steps that page; nothing is kept of it. The
alert is a first one, of an incident that has not come back.`,
		Example: `  rouse whowould --service bitbucket --severity 1
  rouse whowould --service bitbucket --severity 1 --at 2026-12-25T03:00Z
  rouse whowould --service bitbucket --label cluster=prod --source zabbix --word Disaster --why`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			if at != "" {
				if ask.At, err = r.soon(at, time.Now()); err != nil {
					return err
				}
			}
			if ask.Labels, err = pairs(labels); err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			var told forecast
			raw, err := api.post(cmd.Context(), "/v1/simulate", ask, &told)
			if err != nil {
				return err
			}
			if flags.json {
				return encodeJSON(c.stdout, json.RawMessage(raw))
			}
			for _, remark := range told.Remarks {
				fmt.Fprintln(c.stdout, remark)
			}
			if err := c.print(told.table(r)); err != nil || !why {
				return err
			}
			fmt.Fprintln(c.stdout)
			return c.print(told.timeline(r))
		},
	}
	cmd.Flags().StringVar(&ask.Service, "service", "", "the service, as a sender names it (default unknown)")
	cmd.Flags().IntVar(&ask.Severity, "severity", 2, "1, 2 or 3")
	cmd.Flags().StringVar(&at, "at", "", "when it comes, such as \"2026-12-25 03:00\" or 18:00 (default now)")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "a label that rules look at, name=value; may be repeated")
	cmd.Flags().StringVar(&ask.Summary, "summary", "", "the summary, for rules that look at it")
	cmd.Flags().StringVar(&ask.Source, "source", "", "the dialect it comes in, such as alertmanager")
	cmd.Flags().StringVar(&ask.Word, "word", "", "the sender's own word for the severity")
	cmd.Flags().StringVar(&ask.DedupKey, "dedup-key", "", "the sender's key for the trouble")
	cmd.Flags().BoolVar(&why, "why", false, "also show each decision")
	flags.add(cmd)
	return cmd
}

// pairs reads name=value.
func pairs(texts []string) (map[string]string, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	m := map[string]string{}
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usagef("--label %q is not name=value, such as cluster=prod", text)
		}
		m[name] = value
	}
	return m, nil
}

func (f forecast) table(r reader) (t table) {
	switch {
	case f.Unpaged:
		t.add(yellow, "Nobody: the sender's word for the severity pages nobody here. GET /v1/severities shows the words.")
		return t
	case f.Joins != "":
		t.add(yellow, fmt.Sprintf("It would join %s, which is open, and page nobody anew. If that were not open:", f.Joins))
	case len(f.Pages) == 0:
		t.add(red, "Nobody within 15 days. --why tells why; `rouse coverage` shows all such holes.")
		return t
	}
	t.add(bold, "WHEN", "AFTER", "LEVEL", "PERSON", "NAME", "CONTACT", "ROLE")
	for _, p := range f.Pages {
		level := strconv.Itoa(p.Level)
		if p.CatchAll {
			level = "catch-all"
		}
		for i, contact := range p.Contacts {
			person, name, role := p.Person, p.Name, p.Role
			if i > 0 {
				level, person, name, role = "", "", "", ""
			}
			t.add("", r.show(contact.At), "+"+shortSpan(contact.At.Sub(f.At)), level, person, name, contact.Channel+" "+contact.Address, role)
		}
	}
	if !f.Again.IsZero() {
		t.add("", r.show(f.Again), "+"+shortSpan(f.Again.Sub(f.At)), "", "and again from level 1, until somebody answers")
	}
	return t
}

func (f forecast) timeline(r reader) (t table) {
	t.add(bold, "WHEN", "WHY", "WHAT")
	for _, l := range f.Lines {
		t.add("", r.show(l.At), l.Reason, l.Text)
	}
	return t
}

// shortSpan is "5m" instead of "5m0s".
func shortSpan(d time.Duration) string {
	text := d.Round(time.Second).String()
	if cut, ok := strings.CutSuffix(text, "m0s"); ok {
		text = cut + "m"
	}
	if cut, ok := strings.CutSuffix(text, "h0m"); ok {
		text = cut + "h"
	}
	return text
}
