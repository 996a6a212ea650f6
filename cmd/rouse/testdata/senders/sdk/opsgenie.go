package main

import (
	"context"
	"io"
	"time"

	"github.com/opsgenie/opsgenie-go-sdk-v2/alert"
	"github.com/opsgenie/opsgenie-go-sdk-v2/client"
	"github.com/opsgenie/opsgenie-go-sdk-v2/heartbeat"
	"github.com/sirupsen/logrus"
)

func driveOpsgenie(ctx context.Context, to target) error {
	config := func(key string) *client.Config {
		quiet := logrus.New()
		quiet.SetOutput(io.Discard)
		return &client.Config{ApiKey: key, OpsGenieAPIURL: client.ApiUrl(to.base.Host), Logger: quiet}
	}
	c, err := alert.NewClient(config(to.key))
	if err != nil {
		return err
	}
	if err := driveAlerts(ctx, c, to); err != nil {
		return err
	}
	stranger, err := alert.NewClient(config(noKey))
	if err != nil {
		return err
	}
	refused, err := stranger.Create(ctx, &alert.CreateAlertRequest{Message: "Disk full on db1"})
	say("create with an unknown key", refused, err)
	hc, err := heartbeat.NewClient(config(to.key))
	if err != nil {
		return err
	}
	driveHeartbeats(ctx, hc)
	return nil
}

// done says what became of a request, which the library asks for until it is processed.
func done(ctx context.Context, call string, r *alert.AsyncAlertResult, err error) {
	if err != nil {
		say(call, nil, err)
		return
	}
	status, err := r.RetrieveStatus(ctx)
	say(call, status, err)
}

const (
	alias = "db1/disk ü" // needs escaping in paths
	by    = alert.ALIAS
)

func driveAlerts(ctx context.Context, c *alert.Client, to target) error {
	r, err := c.Create(ctx, &alert.CreateAlertRequest{Message: "Disk full on db1", Alias: alias, Description: "3 GB are left on /var.",
		Responders: []alert.Responder{{Type: alert.TeamResponder, Name: "storage"}}, Tags: []string{"env:prod", "disk"}, Details: map[string]string{"free": "3GB"},
		Entity: "db1", Source: "opsgenie-go-sdk", Priority: alert.P2, User: "deploy", Note: "seen by the nightly check"})
	say("create", r, err)
	done(ctx, "create: status", r, err)
	if err != nil {
		return err
	}
	if err := wait("paged"); err != nil {
		return err
	}
	r, err = c.Create(ctx, &alert.CreateAlertRequest{Message: "Disk full on db1", Alias: alias, Priority: alert.P2})
	done(ctx, "create again", r, err)
	found, err := c.Get(ctx, &alert.GetAlertRequest{IdentifierType: by, IdentifierValue: alias})
	say("get by alias", found, err)
	if err != nil {
		return err
	}
	id := found.Id

	r, err = c.AddNote(ctx, &alert.AddNoteRequest{IdentifierType: by, IdentifierValue: alias, Note: "looking", User: to.person})
	done(ctx, "note", r, err)
	r, err = c.AddTags(ctx, &alert.AddTagsRequest{IdentifierType: alert.ALERTID, IdentifierValue: id, Tags: []string{"urgent", "x"}})
	done(ctx, "add tags", r, err)
	r, err = c.RemoveTags(ctx, &alert.RemoveTagsRequest{IdentifierType: by, IdentifierValue: alias, Tags: "x"})
	done(ctx, "remove tags", r, err)
	r, err = c.AddDetails(ctx, &alert.AddDetailsRequest{IdentifierType: by, IdentifierValue: alias, Details: map[string]string{"rack": "7", "shelf": "2"}})
	done(ctx, "add details", r, err)
	r, err = c.RemoveDetails(ctx, &alert.RemoveDetailsRequest{IdentifierType: by, IdentifierValue: alias, Keys: "shelf"})
	done(ctx, "remove details", r, err)
	r, err = c.UpdatePriority(ctx, &alert.UpdatePriorityRequest{IdentifierType: by, IdentifierValue: alias, Priority: alert.P1})
	done(ctx, "priority", r, err)
	r, err = c.UpdateMessage(ctx, &alert.UpdateMessageRequest{IdentifierType: by, IdentifierValue: alias, Message: "Disk quite full on db1"})
	done(ctx, "message", r, err)
	r, err = c.UpdateDescription(ctx, &alert.UpdateDescriptionRequest{IdentifierType: by, IdentifierValue: alias, Description: "1 GB is left on /var."})
	done(ctx, "description", r, err)
	r, err = c.AssignAlert(ctx, &alert.AssignRequest{IdentifierType: by, IdentifierValue: alias, Owner: alert.User{Username: to.person}, Note: "yours"})
	done(ctx, "assign", r, err)
	r, err = c.AddResponder(ctx, &alert.AddResponderRequest{IdentifierType: by, IdentifierValue: alias, Responder: alert.Responder{Type: alert.UserResponder, Username: to.person + "@example.com"}})
	done(ctx, "add responder", r, err)
	r, err = c.EscalateToNext(ctx, &alert.EscalateToNextRequest{IdentifierType: by, IdentifierValue: alias, Escalation: alert.Escalation{Name: "storage"}})
	done(ctx, "escalate", r, err)
	found, err = c.Get(ctx, &alert.GetAlertRequest{IdentifierType: alert.ALERTID, IdentifierValue: id})
	say("get before the acknowledgement", found, err)

	r, err = c.Acknowledge(ctx, &alert.AcknowledgeAlertRequest{IdentifierType: by, IdentifierValue: alias, User: to.person, Note: "on it"})
	done(ctx, "acknowledge", r, err)
	found, err = c.Get(ctx, &alert.GetAlertRequest{IdentifierType: by, IdentifierValue: alias})
	say("get after the acknowledgement", found, err)
	r, err = c.Unacknowledge(ctx, &alert.UnacknowledgeAlertRequest{IdentifierType: by, IdentifierValue: alias, User: to.person})
	done(ctx, "unacknowledge", r, err)
	r, err = c.Snooze(ctx, &alert.SnoozeAlertRequest{IdentifierType: by, IdentifierValue: alias, EndTime: time.Now().Add(time.Hour), User: to.person})
	done(ctx, "snooze", r, err)
	found, err = c.Get(ctx, &alert.GetAlertRequest{IdentifierType: by, IdentifierValue: alias})
	say("get while snoozed", found, err)

	listed, err := c.List(ctx, &alert.ListAlertRequest{Query: "status:open AND tag:urgent AND priority:P1", Limit: 10, Sort: alert.UpdatedAt, Order: alert.Desc})
	say("list", listed, err)
	count, err := c.CountAlerts(ctx, &alert.CountAlertsRequest{Query: "status:open"})
	say("count", count, err)
	notes, err := c.ListAlertNotes(ctx, &alert.ListAlertNotesRequest{IdentifierType: by, IdentifierValue: alias})
	say("notes", notes, err)
	logs, err := c.ListAlertLogs(ctx, &alert.ListAlertLogsRequest{IdentifierType: by, IdentifierValue: alias, Limit: 50})
	say("logs", logs, err)
	recipients, err := c.ListAlertRecipients(ctx, &alert.ListAlertRecipientRequest{IdentifierType: by, IdentifierValue: alias})
	say("recipients", recipients, err)

	r, err = c.Close(ctx, &alert.CloseAlertRequest{IdentifierType: by, IdentifierValue: alias, Note: "made room"})
	say("close", r, err)
	done(ctx, "close: status", r, err)
	found, err = c.Get(ctx, &alert.GetAlertRequest{IdentifierType: by, IdentifierValue: alias})
	say("get after the end", found, err)
	r, err = c.Close(ctx, &alert.CloseAlertRequest{IdentifierType: by, IdentifierValue: "nothing/open"})
	done(ctx, "close what is not open", r, err)
	found, err = c.Get(ctx, &alert.GetAlertRequest{IdentifierType: by, IdentifierValue: "nothing/open"})
	say("get what is not there", found, err)
	listed, err = c.List(ctx, &alert.ListAlertRequest{Query: "status:open"})
	say("list after the end", listed, err)

	// The library tries again by itself, four times.
	if err := wait("unavailable"); err != nil {
		return err
	}
	r, err = c.Create(ctx, &alert.CreateAlertRequest{Message: "Disk full on db2", Alias: "db2/disk", Priority: alert.P1})
	done(ctx, "create while unavailable", r, err)
	return nil
}

func driveHeartbeats(ctx context.Context, c *heartbeat.Client) {
	const name = "nightly backup"
	on := true
	added, err := c.Add(ctx, &heartbeat.AddRequest{Name: name, Description: "of db1", Interval: 10, IntervalUnit: heartbeat.Minutes, Enabled: &on,
		AlertMessage: "The nightly backup is missing", AlertTag: []string{"backup"}, AlertPriority: "P2"})
	say("heartbeat: add", added, err)
	pinged, err := c.Ping(ctx, name)
	say("heartbeat: ping", pinged, err)
	pinged, err = c.Ping(ctx, "not there")
	say("heartbeat: ping what is not there", pinged, err)
	found, err := c.Get(ctx, name)
	say("heartbeat: get", found, err)
	changed, err := c.Update(ctx, &heartbeat.UpdateRequest{Name: name, Interval: 2, IntervalUnit: heartbeat.Hours})
	say("heartbeat: update", changed, err)
	changed, err = c.Disable(ctx, name)
	say("heartbeat: disable", changed, err)
	changed, err = c.Enable(ctx, name)
	say("heartbeat: enable", changed, err)
	all, err := c.List(ctx)
	say("heartbeat: list", all, err)
	deleted, err := c.Delete(ctx, name)
	say("heartbeat: delete", deleted, err)
}
