package main

import (
	"context"
	"net/http"
	"net/url"

	"github.com/PagerDuty/go-pagerduty"
)

// redirect sends what is for PagerDuty's own host, which the functions of the package have built in, elsewhere:
// as a name server does that knows better.
type redirect struct {
	to *url.URL
	by http.RoundTripper
}

func (d redirect) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "events.pagerduty.com" {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host, r.Host = d.to.Scheme, d.to.Host, ""
	}
	return d.by.RoundTrip(r)
}

func drivePagerDuty(ctx context.Context, to target) error {
	http.DefaultClient.Transport = redirect{to.base, http.DefaultTransport}
	event := func(action, dedup string) pagerduty.V2Event {
		return pagerduty.V2Event{RoutingKey: to.key, Action: action, DedupKey: dedup}
	}
	disk := event("trigger", "db1/disk")
	disk.Client, disk.ClientURL = "go-pagerduty", "https://monitoring.example/d/db1"
	disk.Links = []any{map[string]string{"href": "https://grafana.example/d/disk", "text": "Disk"}}
	disk.Images = []any{map[string]string{"src": "https://grafana.example/disk.png", "alt": "Free space"}}
	disk.Payload = &pagerduty.V2Payload{Summary: "Disk full on db1", Source: "db1", Severity: "critical", Timestamp: "2026-11-20T17:11:35.000+0000",
		Component: "postgres", Group: "storage", Class: "disk", Details: map[string]any{"free": "3GB", "mounts": []string{"/var", "/srv"}, "percent": 97.5}}

	// The functions of the package, which want exactly 202.
	got, err := pagerduty.ManageEventWithContext(ctx, disk)
	say("trigger", got, err)
	if err := wait("paged"); err != nil {
		return err
	}
	got, err = pagerduty.ManageEventWithContext(ctx, disk)
	say("trigger again", got, err)
	got, err = pagerduty.ManageEventWithContext(ctx, event("acknowledge", "db1/disk"))
	say("acknowledge", got, err)
	got, err = pagerduty.ManageEvent(event("resolve", "db1/disk"))
	say("resolve", got, err)
	got, err = pagerduty.ManageEventWithContext(ctx, event("resolve", "nothing/open"))
	say("resolve what is not open", got, err)
	stranger := disk
	stranger.RoutingKey = noKey
	got, err = pagerduty.ManageEventWithContext(ctx, stranger)
	say("trigger with an unknown key", got, err)
	v1, err := pagerduty.CreateEventWithHTTPClient(pagerduty.Event{ServiceKey: to.key, Type: "trigger", IncidentKey: "db3/v1",
		Description: "Replication stopped on db3", Client: "go-pagerduty", Details: map[string]string{"lag": "1h"}}, http.DefaultClient)
	say("v1 trigger", v1, err)
	v1, err = pagerduty.CreateEventWithHTTPClient(pagerduty.Event{ServiceKey: to.key, Type: "resolve", IncidentKey: "db3/v1"}, http.DefaultClient)
	say("v1 resolve", v1, err)

	// A client that knows where the events are to go.
	c := pagerduty.NewClient("", pagerduty.WithV2EventsAPIEndpoint(to.base.String()))
	nameless := event("trigger", "")
	nameless.Payload = &pagerduty.V2Payload{Summary: "Clones fail", Source: "git1", Severity: "error"}
	got, err = c.ManageEventWithContext(ctx, &nameless)
	say("client: trigger without a key of its own", got, err)
	if err != nil {
		return err
	}
	dedup := got.DedupKey
	if err := wait("paged"); err != nil {
		return err
	}
	ack, resolve := event("acknowledge", dedup), event("resolve", dedup)
	got, err = c.ManageEventWithContext(ctx, &ack)
	say("client: acknowledge", got, err)
	got, err = c.ManageEventWithContext(ctx, &resolve)
	say("client: resolve", got, err)
	change, err := c.CreateChangeEventWithContext(ctx, pagerduty.ChangeEvent{RoutingKey: to.key,
		Payload: pagerduty.ChangeEventPayload{Summary: "Deployed 4.2.1", Source: "ci", Timestamp: "2026-11-20T17:11:35.000Z", CustomDetails: map[string]any{"commit": "5d86ced"}},
		Links:   []pagerduty.ChangeEventLink{{Href: "https://ci.example/421", Text: "Build"}}})
	say("client: change", change, err)

	// Neither tries again by itself: whoever calls does.
	if err := wait("unavailable"); err != nil {
		return err
	}
	again := event("trigger", "db2/disk")
	again.Payload = &pagerduty.V2Payload{Summary: "Disk full on db2", Source: "db2", Severity: "critical"}
	for n := 0; n < 10; n++ {
		if got, err = pagerduty.ManageEventWithContext(ctx, again); err == nil {
			break
		}
		if failed, ok := err.(pagerduty.EventsAPIV2Error); !ok || !failed.Temporary() {
			break
		}
		say("trigger: temporary", nil, err)
	}
	say("trigger: in the end", got, err)
	return nil
}
