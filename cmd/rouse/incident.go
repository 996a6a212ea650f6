package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// incident is GET /v1/incidents/{key}, as far as it is shown.
type incident struct {
	incidentSummary
	AcknowledgedAt time.Time `json:"acknowledged_at"`
	ResolvedAt     time.Time `json:"resolved_at"`
	NextAt         time.Time `json:"next_at"`
	Returns        int       `json:"returns"`
	Grouped        []struct {
		Summary  string    `json:"summary"`
		Severity int       `json:"severity"`
		Firing   bool      `json:"firing"`
		Count    int       `json:"count"`
		FirstAt  time.Time `json:"first_at"`
		LastAt   time.Time `json:"last_at"`
	} `json:"grouped"`
	Escalations []struct {
		No     int    `json:"no"`
		Role   string `json:"role"`
		State  string `json:"state"`
		Ladder string `json:"ladder"`
		Level  int    `json:"level"`
		Round  int    `json:"round"`
		Holder string `json:"holder"`
	} `json:"escalations"`
	Timeline []struct {
		At   time.Time `json:"at"`
		Text string    `json:"text"`
		By   string    `json:"by"`
	} `json:"timeline"`
}

func (c *cli) showIncident(ctx context.Context, key string, r reader, asJSON bool) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var in incident
	raw, err := api.get(ctx, incidentPath(key), nil, &in)
	if err != nil {
		return aboutIncident(key, err)
	}
	if asJSON {
		return c.printJSON(raw)
	}
	parts := []table{in.head(r), in.escalations(), in.timeline(r)}
	if len(in.Grouped) > 0 {
		parts = slices.Insert(parts, 1, in.grouped(r))
	}
	for i, part := range parts {
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		if err := c.print(part); err != nil {
			return err
		}
	}
	return nil
}

func (in incident) head(r reader) (t table) {
	t.add(paintOf(in.Severity, in.Status), fmt.Sprintf("%s  severity %d, %s: %s", in.Key, in.Severity, in.Status, oneLine(in.Summary)))
	t.add("", "service", orDash(in.Service))
	t.add("", "manager", orDash(in.Manager))
	t.add("", "alerts", fmt.Sprint(in.Alerts))
	if in.Returns > 0 {
		t.add("", "came back", fmt.Sprintf("%d times", in.Returns))
	}
	for _, moment := range []struct {
		name string
		at   time.Time
	}{{"opened", in.OpenedAt}, {"acknowledged", in.AcknowledgedAt}, {"resolved", in.ResolvedAt}, {"next step", in.NextAt}} {
		if !moment.at.IsZero() {
			t.add("", moment.name, r.show(moment.at))
		}
	}
	return t
}

// grouped lists the alerts of an incident that groups them.
func (in incident) grouped(r reader) (t table) {
	t.add(bold, "ALERT", "SEVERITY", "STATE", "COUNT", "FIRST", "LAST")
	for _, a := range in.Grouped {
		paint, state := colour(""), "over"
		if a.Firing {
			paint, state = yellow, "firing"
		}
		t.add(paint, oneLine(a.Summary), fmt.Sprint(a.Severity), state, fmt.Sprint(a.Count), r.show(a.FirstAt), r.show(a.LastAt))
	}
	return t
}

func (in incident) escalations() (t table) {
	t.add(bold, "NO", "ROLE", "STATE", "HOLDER", "LADDER", "LEVEL", "ROUND")
	for _, e := range in.Escalations {
		paint, level := colour(""), "-"
		if e.State == "climbing" {
			paint = yellow
		}
		if e.Level > 0 {
			level = fmt.Sprint(e.Level)
		}
		t.add(paint, fmt.Sprint(e.No), e.Role, e.State, orDash(e.Holder), e.Ladder, level, fmt.Sprint(e.Round))
	}
	return t
}

func (in incident) timeline(r reader) (t table) {
	for _, line := range in.Timeline {
		text := oneLine(line.Text)
		if line.By != "" && !strings.Contains(strings.ToLower(text), strings.ToLower(line.By)) {
			text += " (" + oneLine(line.By) + ")"
		}
		t.add("", line.At.In(r.zone).Format("Mon 2006-01-02 15:04:05 MST"), text)
	}
	return t
}

func incidentPath(key string) string { return "/v1/incidents/" + url.PathEscape(strings.ToUpper(key)) }

// aboutIncident makes a 404 say what to do.
func aboutIncident(key string, err error) error {
	if hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("%w\n`rouse incidents --status all` lists the incidents there are; %s is none of them", err, clean(strings.ToUpper(key)))
	}
	return err
}
