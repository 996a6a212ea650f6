package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// incident is GET /v1/incidents/{key}, as far as it is shown.
type incident struct {
	incidentSummary
	AcknowledgedAt time.Time  `json:"acknowledged_at"`
	ResolvedAt     time.Time  `json:"resolved_at"`
	NextAt         time.Time  `json:"next_at"`
	Returns        int        `json:"returns"`
	Reports        []reported `json:"reports"`

	SeverityMeans   string    `json:"severity_means"`
	Description     string    `json:"description"`
	Products        []string  `json:"products"`
	Reporter        string    `json:"reporter"`
	ReporterContact string    `json:"reporter_contact"`
	Stage           string    `json:"stage"`
	ImpactBeganAt   time.Time `json:"impact_began_at"`
	DetectedAt      time.Time `json:"detected_at"`
	ImpactEndedAt   time.Time `json:"impact_ended_at"`
	SupportCases    []string  `json:"support_cases"`
	Links           []struct {
		Href string `json:"href"`
		Text string `json:"text"`
	} `json:"links"`

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

// reported is what the alerts with one dedup key say.
type reported struct {
	ID       int64             `json:"id"`
	Source   string            `json:"source"`
	Summary  string            `json:"summary"`
	Severity int               `json:"severity"`
	Firing   bool              `json:"firing"`
	Count    int               `json:"count"`
	FirstAt  time.Time         `json:"first_at"`
	LastAt   time.Time         `json:"last_at"`
	Labels   map[string]string `json:"labels"`
	Details  string            `json:"details"`
	Links    []struct {
		Href string `json:"href"`
		Text string `json:"text"`
	} `json:"links"`
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
	parts := []table{in.head(r)}
	if len(in.Reports) > 0 {
		parts = append(parts, in.reports(r))
	}
	for _, report := range in.Reports[:min(len(in.Reports), shownReports)] {
		parts = append(parts, report.contents(in.Key))
	}
	parts = append(parts, in.escalations(), in.timeline(r))
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
	if in.SeverityMeans != "" {
		t.add("", "severity", in.SeverityMeans)
	}
	t.add("", "service", orDash(in.Service))
	t.add("", "manager", orDash(in.Manager))
	t.add("", "alerts", fmt.Sprint(in.Alerts))
	if in.Returns > 0 {
		t.add("", "came back", fmt.Sprintf("%d times", in.Returns))
	}
	links := make([]string, len(in.Links))
	for i, l := range in.Links {
		links[i] = strings.TrimSpace(l.Text + " " + l.Href)
	}
	for _, known := range []struct{ name, text string }{{"stage", in.Stage}, {"description", in.Description}, {"products", strings.Join(in.Products, ", ")},
		{"reporter", strings.Trim(in.Reporter+", "+in.ReporterContact, ", ")}, {"support cases", strings.Join(in.SupportCases, ", ")}, {"links", strings.Join(links, ", ")}} {
		if known.text != "" {
			t.add("", known.name, oneLine(known.text))
		}
	}
	for _, moment := range []struct {
		name string
		at   time.Time
	}{{"impact began", in.ImpactBeganAt}, {"detected", in.DetectedAt}, {"impact ended", in.ImpactEndedAt}, {"opened", in.OpenedAt}, {"acknowledged", in.AcknowledgedAt}, {"resolved", in.ResolvedAt}, {"next step", in.NextAt}} {
		if !moment.at.IsZero() {
			t.add("", moment.name, r.show(moment.at))
		}
	}
	return t
}

// What is shown of alerts; --json shows all.
const (
	shownReports = 5
	shownLines   = 15  // of details
	shownWidth   = 300 // characters of a line, and of a label
)

// reports lists the alerts, one for each dedup key.
func (in incident) reports(r reader) (t table) {
	t.add(bold, "ALERT", "SEVERITY", "STATE", "COUNT", "FIRST", "LAST", "SOURCE")
	for _, a := range in.Reports {
		paint, state := colour(""), "over"
		if a.Firing {
			paint, state = yellow, "firing"
		}
		t.add(paint, oneLine(a.Summary), fmt.Sprint(a.Severity), state, fmt.Sprint(a.Count), r.show(a.FirstAt), r.show(a.LastAt), a.Source)
	}
	return t
}

// contents is what an alert says beside its summary, and where its original is.
func (a reported) contents(key string) (t table) {
	t.add(bold, oneLine(a.Summary))
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		labels = append(labels, bounded(oneLine(name+"="+a.Labels[name])))
	}
	if len(labels) > 0 {
		t.add("", "  labels", strings.Join(labels, ", "))
	}
	lines := strings.Split(strings.TrimSpace(a.Details), "\n")
	for i, line := range lines {
		name := ""
		if i == 0 {
			name = "  details"
		}
		switch {
		case i == shownLines:
			t.add("", name, fmt.Sprintf("… and %d more lines", len(lines)-i))
		case i < shownLines && a.Details != "":
			t.add("", name, bounded(strings.TrimRight(strings.ReplaceAll(line, "\t", "    "), "\r ")))
		}
	}
	for _, l := range a.Links {
		t.add("", "  link", oneLine(strings.TrimSpace(l.Text+" "+l.Href)))
	}
	t.add(faint, "  as sent", fmt.Sprintf("GET %s/alerts/%d/original", incidentPath(key), a.ID))
	return t
}

// bounded is the beginning of what is longer than shownWidth characters.
func bounded(text string) string {
	if line := []rune(text); len(line) > shownWidth {
		return string(line[:shownWidth-1]) + "…"
	}
	return text
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
