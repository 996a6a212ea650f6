package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// overrideBody is the body of POST /v1/rosters/{slug}/overrides.
type overrideBody struct {
	Kind     string    `json:"kind,omitempty"`
	Rotation string    `json:"rotation,omitempty"`
	Replaces string    `json:"replaces,omitempty"`
	Person   string    `json:"person,omitempty"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
}

// overridden is the answer; of a dry run what would have been answered is within.
type overridden struct {
	ID       int64     `json:"id"`
	Kind     string    `json:"kind"`
	Replaces string    `json:"replaces"`
	Person   string    `json:"person"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Effects  effects   `json:"effects"`

	DryRun bool        `json:"dry_run"`
	Result *overridden `json:"result"`
}

// effects is what comes of a change.
type effects struct {
	Changes     []moved `json:"changes"`
	More        int     `json:"more"`
	HolesOpened []hole  `json:"holes_opened"`
	HolesClosed []hole  `json:"holes_closed"`
}

// moved is a span in which others are on call.
type moved struct {
	Roster string    `json:"roster"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Before []string  `json:"before"`
	After  []string  `json:"after"`
}

// spanFlags are those of a change for a span.
type spanFlags struct {
	answerFlags
	from, to   string
	dry, force bool
}

func (f *spanFlags) add(cmd *cobra.Command, end string) {
	cmd.Flags().StringVar(&f.from, "from", "", "when it begins, such as \"2026-12-24 18:00\" or 18:00 (default now)")
	cmd.Flags().StringVar(&f.to, end, "", "when it ends")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "save nothing, and show what would come of it")
	cmd.Flags().BoolVar(&f.force, "force", false, "do it even if an alert would then find nobody to page")
	f.answerFlags.add(cmd)
}

func (c *cli) rosterTakeCommand() *cobra.Command {
	var flags spanFlags
	var body overrideBody
	cmd := &cobra.Command{
		Use:   "take SLUG --until TIME",
		Short: "Take over a roster yourself for a while",
		Long: `Take puts you on call in a roster instead of whoever is, until a time that you say. You are the person
that the key in ROUSE_TOKEN acts as.`,
		Example: `  rouse roster take bitbucket-im --until 18:00
  rouse roster take dba --from "2026-12-24 09:00" --until "2026-12-25 09:00" --dry-run`,
		Args: takes("SLUG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.to == "" {
				return usagef("--until is missing: say when you hand it back, such as --until 18:00")
			}
			return c.override(cmd.Context(), args[0], body, flags)
		},
	}
	cmd.Flags().StringVar(&body.Rotation, "rotation", "", "only this rotation of the roster")
	flags.add(cmd, "until")
	return cmd
}

func (c *cli) rosterOverrideCommand() *cobra.Command {
	var flags spanFlags
	var body overrideBody
	var add, off bool
	var cancel int64
	cmd := &cobra.Command{
		Use:   "override SLUG [--to TIME | --cancel NUMBER]",
		Short: "Put somebody on call, or take somebody off, for a span",
		Long: `Override changes for a span who is on call in a roster: it replaces everybody, or one, with a person; or
adds the person as an extra shift; or takes one off, or everybody. With --cancel it takes an override back,
of one that has begun what is still to come. Without flags it lists those that are not over.`,
		Example: `  rouse roster override bitbucket-im --person bob --to "2026-12-27 09:00"
  rouse roster override dba --person zoe --replaces ann --from 18:00 --to 22:00
  rouse roster override dba --person zoe --add --from "2026-11-27 00:00" --to "2026-11-28 00:00"
  rouse roster override dba --off --replaces ann --to 18:00 --dry-run
  rouse roster override dba --cancel 7
  rouse roster override dba`,
		Args: takes("SLUG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case cancel != 0:
				return c.cancelOverride(cmd.Context(), args[0], cancel, flags)
			case cmd.Flags().NFlag() == 0:
				return c.listOverrides(cmd.Context(), args[0], flags)
			case add && off:
				return usagef("--add and --off exclude each other: keep one")
			case off && body.Person != "":
				return usagef("--off puts nobody on call: leave out --person, or --off")
			case !off && body.Person == "":
				return usagef("--person is missing: say who is on call instead, or --off")
			case flags.to == "":
				return usagef("--to is missing: say when it ends, such as --to \"2026-12-27 09:00\"")
			case add:
				body.Kind = "add"
			case off:
				body.Kind = "take_off"
			}
			return c.override(cmd.Context(), args[0], body, flags)
		},
	}
	cmd.Flags().StringVar(&body.Person, "person", "", "handle of whoever is on call instead, or besides")
	cmd.Flags().StringVar(&body.Replaces, "replaces", "", "handle of the one person who is taken off (default everybody)")
	cmd.Flags().StringVar(&body.Rotation, "rotation", "", "only this rotation of the roster")
	cmd.Flags().Int64Var(&cancel, "cancel", 0, "take back the override of this number")
	cmd.Flags().BoolVar(&add, "add", false, "an extra shift, besides whoever is on call")
	cmd.Flags().BoolVar(&off, "off", false, "leave the place empty")
	flags.add(cmd, "to")
	return cmd
}

func (c *cli) override(ctx context.Context, slug string, body overrideBody, flags spanFlags) error {
	r, err := c.reader(flags.zone)
	if err != nil {
		return err
	}
	if body.From, err = r.soon(cmp.Or(flags.from, "now"), time.Now()); err != nil {
		return err
	}
	if body.To, err = r.soon(flags.to, body.From); err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	path := rosterPath(slug) + "/overrides" + flags.query()
	var did overridden
	raw, err := api.post(ctx, path, body, &did)
	if r, ok := errors.AsType[*refusal](err); ok && body.Person == "" && body.Kind == "" && strings.Contains(r.text, "acts as nobody") {
		return errors.New("the key in ROUSE_TOKEN acts as nobody, who takes no shifts: `rouse token create --scope respond --person ann --name \"ann's laptop\"` makes one that acts as somebody")
	}
	if err != nil {
		return aboutRoster(slug, err)
	}
	if flags.json {
		return encodeJSON(c.stdout, json.RawMessage(raw))
	}
	return c.print(overrideTable(slug, did, r))
}

// query is that of a change.
func (f spanFlags) query() string {
	query := url.Values{}
	if f.dry {
		query.Set("dry_run", "true")
	}
	if f.force {
		query.Set("force", "true")
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

func overrideTable(slug string, did overridden, r reader) (t table) {
	made := did
	if did.Result != nil {
		made = *did.Result
	}
	if did.DryRun {
		t.add("", "Nothing is saved. It would be:")
		made.ID = 0
	}
	t.add(green, fmt.Sprintf("%s, %s – %s%s.", made.what(slug), r.show(made.From), r.show(made.To), made.number()))
	did.Effects.tell(&t, r)
	return t
}

// tell adds what comes of a change to a table.
func (e effects) tell(t *table, r reader) {
	if len(e.Changes) == 0 {
		t.add("", "Nobody is on call otherwise by that.")
	}
	for _, m := range e.Changes {
		t.add("", fmt.Sprintf("  %s – %s: %s instead of %s", r.show(m.From), r.show(m.To), listed(m.After), listed(m.Before)))
	}
	if e.More > 0 {
		t.add("", fmt.Sprintf("  and %d more", e.More))
	}
	for _, h := range e.HolesOpened {
		t.add(red, fmt.Sprintf("  Hole: %s – %s, %s: %s. %s.", r.show(h.From), r.show(h.To), h.Where, h.Problem, h.Remedy))
	}
}

// what an override does, in words.
func (o overridden) what(slug string) string {
	switch {
	case o.Kind == "take_off":
		return cmp.Or(o.Replaces, "everybody") + " is taken off call in " + slug
	case o.Kind == "add":
		return o.Person + " is on call besides in " + slug
	case o.Replaces != "":
		return o.Person + " is on call instead of " + o.Replaces + " in " + slug
	default:
		return o.Person + " is on call in " + slug
	}
}

func (o overridden) number() string {
	if o.ID == 0 {
		return ""
	}
	return fmt.Sprintf(" (override %d; --cancel %[1]d takes it back)", o.ID)
}

func listed(handles []string) string {
	if len(handles) == 0 {
		return "nobody"
	}
	return strings.Join(handles, " and ")
}

// soon reads an instant as parse does, "now", or a time of day: the next such after an instant.
func (r reader) soon(text string, after time.Time) (time.Time, error) {
	if text == "now" {
		return after, nil
	}
	clock, err := time.Parse("15:04", text)
	if err != nil {
		return r.parse(text)
	}
	day := after.In(r.zone)
	at := time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), 0, 0, r.zone)
	if !at.After(after) {
		at = time.Date(day.Year(), day.Month(), day.Day()+1, clock.Hour(), clock.Minute(), 0, 0, r.zone)
	}
	return at, nil
}
