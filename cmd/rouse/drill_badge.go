package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// badge is somebody's last drill; nil is none.
type badge struct {
	Key           string    `json:"key"`
	At            time.Time `json:"at"`
	Result        string    `json:"result"`
	AnsweredAfter string    `json:"answered_after"`
	Channel       string    `json:"channel"`
}

// text is "passed in 14s by sms, 3 days ago".
func (b *badge) text(now time.Time) string {
	if b == nil {
		return "never"
	}
	switch b.Result {
	case "passed", "declined":
		return fmt.Sprintf("passed in %s by %s, %s", b.AnsweredAfter, b.Channel, ago(now.Sub(b.At)))
	default:
		return fmt.Sprintf("%s, %s", b.Result, ago(now.Sub(b.At)))
	}
}

// paint is red for a drill that failed.
func (b *badge) paint() colour {
	if b != nil && b.Result == "failed" {
		return red
	}
	return ""
}

// ago is roughly how long something is past.
func ago(d time.Duration) string {
	switch days := int(d.Hours() / 24); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", days)
	}
}

// badged is a person as the list of badges needs them.
type badged struct {
	Handle string `json:"handle"`
	Name   string `json:"name"`
	Drill  *badge `json:"drill"`
}

// listBadges shows the last drill of everybody, of a person, or of those who are on call in a roster.
func (c *cli) listBadges(ctx context.Context, api *client, person, roster string, r reader, asJSON bool) error {
	if roster != "" {
		return c.listRosterBadges(ctx, api, roster, r, asJSON)
	}
	var items []json.RawMessage
	if person != "" {
		raw, err := api.get(ctx, "/v1/people/"+url.PathEscape(person), nil, new(any))
		if err != nil {
			return err
		}
		items = append(items, raw)
	} else {
		var err error
		if items, _, err = api.list(ctx, "/v1/people", url.Values{}, 10_000); err != nil {
			return err
		}
	}
	if asJSON {
		return c.printItems(items)
	}
	people, err := decoded[badged](items)
	if err != nil {
		return err
	}
	return c.print(badgeTable(people, r, time.Now()))
}

func (c *cli) listRosterBadges(ctx context.Context, api *client, roster string, r reader, asJSON bool) error {
	items, _, err := api.list(ctx, "/v1/oncall", url.Values{"roster": {roster}}, 1)
	if err != nil {
		return aboutRoster(roster, err)
	}
	if asJSON {
		return c.printItems(items)
	}
	list, err := decoded[onCall](items)
	if err != nil {
		return err
	}
	var people []badged
	for _, found := range list {
		for _, on := range found.OnCall {
			people = append(people, badged{on.Person, on.Name, on.Drill})
		}
	}
	return c.print(badgeTable(people, r, time.Now()))
}

func badgeTable(people []badged, r reader, now time.Time) (t table) {
	if len(people) == 0 {
		t.add("", "There is nobody.")
		return t
	}
	t.add(bold, "PERSON", "NAME", "LAST DRILL", "AT", "KEY")
	for _, p := range people {
		at, key := "", ""
		if p.Drill != nil {
			at, key = r.show(p.Drill.At), p.Drill.Key
		}
		t.add(p.Drill.paint(), p.Handle, p.Name, p.Drill.text(now), at, key)
	}
	return t
}
