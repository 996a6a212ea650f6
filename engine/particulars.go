package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"rouse/rosters"
)

// Stage is how far the work on an incident is. It moves nothing.
type Stage string

// The stages, beside "", of which nobody has said anything.
const (
	Investigating Stage = "investigating" // nobody knows why yet
	Identified    Stage = "identified"    // somebody knows why
	Mitigated     Stage = "mitigated"     // customers do not feel it any more
)

// Particulars are what people write down about an incident beside what Rouse decides. They page nobody, and may still be
// mended when it is resolved. The zero value says nothing.
type Particulars struct {
	Description string    `json:"description,omitempty"`
	Products    []string  `json:"products,omitempty"` // which customers cannot use as they should
	Reporter    string    `json:"reporter,omitempty"` // who noticed it
	Contact     string    `json:"contact,omitempty"`  // how the reporter is reached
	Stage       Stage     `json:"stage,omitempty"`
	ImpactBegan time.Time `json:"impact_began,omitzero"`
	DetectedAt  time.Time `json:"detected_at,omitzero"` // zero: when it was opened
	ImpactEnded time.Time `json:"impact_ended,omitzero"`
	Cases       []string  `json:"cases,omitempty"` // of customers, at the support
	Links       []Link    `json:"links,omitempty"` // a chat, a video call, a document
}

// The limits of Particulars, and of what else people say of an incident.
const (
	maxDescription = 10_000 // characters
	maxParticular  = 200    // characters of anything of one line
	maxListed      = 50     // products, cases or links
	maxHref        = 2000   // characters
	MaxSummary     = 500    // characters, of one that a person writes
)

// webAddress is one that a browser opens: anything else a click might run.
var webAddress = regexp.MustCompile(`^https?://[^\s/?#\\[:cntrl:]][^\s[:cntrl:]]*$`)

// Validate reports all that keeps them from being saved, as rosters.FieldErrors.
func (k Particulars) Validate() error {
	var f faults
	f.longText("/description", k.Description, maxDescription)
	f.oneLine("/reporter", k.Reporter, 0, maxParticular)
	f.oneLine("/reporter_contact", k.Contact, 0, maxParticular)
	if stages := []Stage{"", Investigating, Identified, Mitigated}; !slices.Contains(stages, k.Stage) {
		f.add("/stage", cut(string(k.Stage)), "must be investigating, identified, mitigated, or empty")
	}
	for path, list := range map[string][]string{"/products": k.Products, "/support_cases": k.Cases} {
		if len(list) > maxListed {
			f.add(path, len(list), "may list %d", maxListed)
			continue
		}
		for i, one := range list {
			f.oneLine(fmt.Sprintf("%s/%d", path, i), one, 1, maxParticular)
		}
	}
	if len(k.Links) > maxListed {
		f.add("/links", len(k.Links), "may list %d", maxListed)
	} else {
		for i, l := range k.Links {
			path := fmt.Sprintf("/links/%d", i)
			f.oneLine(path+"/text", l.Text, 0, maxParticular)
			if len(l.Href) > maxHref || !webAddress.MatchString(l.Href) {
				f.add(path+"/href", cut(l.Href), "must be an http or https address of at most %d characters", maxHref)
			}
		}
	}
	for path, at := range map[string]time.Time{"/impact_began_at": k.ImpactBegan, "/detected_at": k.DetectedAt, "/impact_ended_at": k.ImpactEnded} {
		if !at.IsZero() && (at.Year() < 2000 || at.Year() > 2100) {
			f.add(path, at.Format(time.RFC3339), "must be within the years 2000 to 2100")
		}
	}
	if !k.ImpactBegan.IsZero() && !k.ImpactEnded.IsZero() && k.ImpactEnded.Before(k.ImpactBegan) {
		f.add("/impact_ended_at", k.ImpactEnded.Format(time.RFC3339), "must not be before impact_began_at, %s", k.ImpactBegan.Format(time.RFC3339))
	}
	slices.SortFunc(f, func(a, b rosters.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return f.orNil()
}

// Described is somebody writing down what is known. What is nil stays as it is. It is a sign of work (rule 7); of an
// incident that is resolved it changes the record and nothing else.
type Described struct {
	By  string
	Why string

	Summary *string
	Service *ServiceID // the one that is at fault, "" if nobody knows; it is paged as before, see PagedIn

	Description, Reporter, Contact       *string
	Stage                                *Stage
	Products, Cases                      *[]string
	Links                                *[]Link
	ImpactBegan, DetectedAt, ImpactEnded *time.Time // zero: not known
}

func (Described) event() {}

// Describable reports all that keeps what people say of an incident from being saved, as rosters.FieldErrors.
func (inc Incident) Describable() error {
	var f faults
	if strings.TrimSpace(inc.Summary) == "" {
		f.add("/summary", "", "must say what is wrong")
	}
	f.oneLine("/summary", inc.Summary, 0, MaxSummary)
	f.below("", inc.Particulars.Validate())
	return f.orNil()
}

// To is the incident with what is written down.
func (d Described) To(inc Incident) Incident {
	k := &inc.Particulars
	set(&inc.Summary, d.Summary)
	set(&inc.Service, d.Service)
	set(&k.Description, d.Description)
	set(&k.Reporter, d.Reporter)
	set(&k.Contact, d.Contact)
	set(&k.Stage, d.Stage)
	set(&k.Products, d.Products)
	set(&k.Cases, d.Cases)
	set(&k.Links, d.Links)
	set(&k.ImpactBegan, d.ImpactBegan)
	set(&k.DetectedAt, d.DetectedAt)
	set(&k.ImpactEnded, d.ImpactEnded)
	return inc
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// particular is one thing of an incident that people may change, for the timeline.
type particular struct {
	name  string // as REST calls it
	label string // as people do
	text  string
}

// particulars are all of them, always in the same order.
func (inc Incident) particulars() []particular {
	k := inc.Particulars
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	links := make([]string, len(k.Links))
	for i, l := range k.Links {
		links[i] = strings.TrimSpace(l.Text + " " + l.Href)
	}
	return []particular{
		{"summary", "summary", inc.Summary},
		{"service", "faulty service", string(inc.Service)},
		{"description", "description", k.Description},
		{"products", "affected products", strings.Join(k.Products, ", ")},
		{"reporter", "reporter", k.Reporter},
		{"reporter_contact", "reporter's contact", k.Contact},
		{"stage", "stage", string(k.Stage)},
		{"impact_began_at", "start of impact", at(k.ImpactBegan)},
		{"detected_at", "time of detection", at(k.DetectedAt)},
		{"impact_ended_at", "end of impact", at(k.ImpactEnded)},
		{"support_cases", "support cases", strings.Join(k.Cases, ", ")},
		{"links", "links", strings.Join(links, ", ")},
	}
}

// described writes a line for each thing that changes, from which the record can be told at any time.
func (s *stepper) described(d Described) {
	before := s.inc.particulars()
	*s.inc = d.To(*s.inc)
	for i, is := range s.inc.particulars() {
		was := before[i]
		if was == is {
			continue
		}
		text := fmt.Sprintf("%s sets the %s to %s", s.by(d.By), is.label, is.text)
		switch {
		case is.text == "":
			text = fmt.Sprintf("%s takes the %s away", s.by(d.By), is.label)
		case is.name == "description":
			text = fmt.Sprintf("%s describes it", s.by(d.By))
		}
		s.note(Note{Reason: ReasonDescribed, By: d.By, Text: sentence(text, d.Why), Basis: map[string]string{"field": is.name, "before": was.text, "after": is.text}})
	}
	if s.inc.Status != Resolved {
		s.activity(d.By)
	}
}
