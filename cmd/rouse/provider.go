package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rouse/notifiers/gateway"
)

func (c *cli) providerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "provider",
		Short: "See and set up who carries messages",
		Long: `Provider shows who carries messages, how they do, and sets more of them up while Rouse runs.

Those of the environment (ROUSE_TWILIO_…, ROUSE_NTFY_…, ROUSE_SMTP_…) are asked first, then the others in the
order of their position. If one refuses a message, or takes it and it does not arrive, the next one is asked.
What is secret of them is kept encrypted, with ROUSE_SECRET_KEY, and never shown. It needs an admin's key.`,
		Example: `  rouse provider list
  rouse provider set vonage --kind gateway --preset vonage --secret api_key=@key --secret api_secret
  rouse provider test vonage --to ann`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.providerListCommand(), c.providerShowCommand(), c.providerSetCommand(), c.providerDeleteCommand(), c.providerTestCommand(), c.providerPresetsCommand(), c.providerUserCommand())
	return cmd
}

// carrier is a provider as the API tells it.
type carrier struct {
	Name        string                     `json:"name"`
	Kind        string                     `json:"kind"`
	Position    int                        `json:"position"`
	Settings    map[string]json.RawMessage `json:"settings"`
	Disabled    bool                       `json:"disabled"`
	SecretNames []string                   `json:"secret_names"`
	Given       bool                       `json:"given"`
	State       string                     `json:"state"`
	Why         string                     `json:"why"`
	CallbackURL string                     `json:"callback_url"`
	Version     int                        `json:"version"`
	Channels    []struct {
		Channel      string    `json:"channel"`
		FailingSince time.Time `json:"failing_since"`
		LastSuccess  time.Time `json:"last_success"`
		LastFailure  time.Time `json:"last_failure"`
		Failure      string    `json:"failure"`
		Delivered    int       `json:"delivered"`
		P50          float64   `json:"p50_seconds"`
		P95          float64   `json:"p95_seconds"`
		LastHour     struct {
			Sent      int `json:"sent"`
			Delivered int `json:"delivered"`
			Failed    int `json:"failed"`
		} `json:"last_hour"`
		Canary *carrierCanary `json:"canary"`
	} `json:"channels"`
}

// carrierCanary is how messages to a robot of a provider's fare.
type carrierCanary struct {
	Up        bool      `json:"up"`
	DownSince time.Time `json:"down_since"`
	LastSent  time.Time `json:"last_sent"`
	LastBack  time.Time `json:"last_back"`
	Seconds   float64   `json:"seconds"`
	Misses    int       `json:"misses"`
	Detail    string    `json:"detail"`
}

// words are a canary's state in a table's cell; "" if there is none.
func (k *carrierCanary) words() string {
	switch {
	case k == nil:
		return ""
	case !k.Up:
		return fmt.Sprintf("down, %d missed", k.Misses)
	case k.LastBack.IsZero():
		return "waiting"
	default:
		return inSeconds(k.Seconds, 1)
	}
}

func providerPath(name string) string { return "/v1/providers/" + url.PathEscape(name) }

// aboutProvider says where the names are.
func aboutProvider(name string, err error) error {
	if hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("there is no provider %s: `rouse provider list` shows them", clean(name))
	}
	return err
}

func (c *cli) providerListCommand() *cobra.Command {
	var flags answerFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show all providers and how they do",
		Long: `List shows the providers in the order in which they are asked. Failures are as the node saw them that used
the provider last, also before a restart; those of a chat are of posts. What was delivered, and in which
time half of it and 95 % of it was, is of all nodes and the last 24 hours. LAST HOUR is how many messages
each took, how many of these arrived as far as it tells, and how many it refused or lost.

CANARY is in which time the last message to the provider's robot came back. A provider whose canary is
down, as two in a row did not come back, is asked last until one does ("rouse provider set --help").`,
		Example: `  rouse provider list
  rouse provider list --json | jq '.items[] | select(.state != "well")'`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			var answer struct{ Items []carrier }
			raw, err := api.get(cmd.Context(), "/v1/providers", nil, &answer)
			switch {
			case err != nil:
				return err
			case flags.json:
				return c.printJSON(raw)
			}
			return c.print(carrierTable(answer.Items, r))
		},
	}
	flags.add(cmd)
	return cmd
}

// carrierColour is the colour of a provider's state.
func carrierColour(state string) colour {
	return map[string]colour{"failing": red, "broken": red, "disabled": faint}[state]
}

func carrierTable(all []carrier, r reader) (t table) {
	if len(all) == 0 {
		t.add("", "There are no providers, so nobody can be paged: rouse provider set --help")
		return t
	}
	t.add(bold, "NAME", "KIND", "CHANNEL", "STATE", "DELIVERED", "P50", "P95", "LAST HOUR", "CANARY", "LAST FAILURE")
	for _, p := range all {
		kind := p.Kind
		if p.Given {
			kind += ", given"
		}
		if len(p.Channels) == 0 {
			t.add(carrierColour(p.State), p.Name, kind, "", p.State, "", "", "", "", "", oneLine(p.Why))
		}
		for _, ch := range p.Channels {
			state, failure := p.State, ""
			if state == "failing" && ch.FailingSince.IsZero() && (ch.Canary == nil || ch.Canary.Up) {
				state = "well" // another channel fails
			}
			if !ch.LastFailure.IsZero() {
				failure = r.show(ch.LastFailure) + ": " + oneLine(ch.Failure)
			}
			hour := ""
			if h := ch.LastHour; h.Sent+h.Failed > 0 {
				hour = fmt.Sprintf("%d/%d/%d", h.Sent, h.Delivered, h.Failed)
			}
			delivered := fmt.Sprint(ch.Delivered)
			if ch.Channel == "chat" { // nobody delivers posts
				delivered = ""
			}
			t.add(carrierColour(state), p.Name, kind, ch.Channel, state, delivered, inSeconds(ch.P50, ch.Delivered), inSeconds(ch.P95, ch.Delivered), hour, ch.Canary.words(), failure)
		}
	}
	return t
}

func inSeconds(s float64, of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%.1fs", s)
}

func (c *cli) providerShowCommand() *cobra.Command {
	var flags answerFlags
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a provider: its settings and how it does",
		Long: `Show tells all about a provider but its secrets. The address that a gateway's provider has to send receipts
and replies to is shown too: whoever has it can answer pages.`,
		Example: `  rouse provider show vonage`,
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			var p carrier
			raw, err := api.get(cmd.Context(), providerPath(args[0]), nil, &p)
			switch {
			case err != nil:
				return aboutProvider(args[0], err)
			case flags.json:
				return c.printJSON(raw)
			}
			return c.print(p.table(r))
		},
	}
	flags.add(cmd)
	return cmd
}

func (p carrier) table(r reader) (t table) {
	line := func(name, value string) {
		if value != "" {
			t.add("", name, value)
		}
	}
	t.add(bold, p.Name, p.Kind)
	t.add(carrierColour(p.State), "state", p.State)
	line("why", oneLine(p.Why))
	if p.Given {
		line("set up by", "the environment")
	} else {
		line("position", fmt.Sprint(p.Position))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Settings)) {
		line(name, oneLine(string(p.Settings[name])))
	}
	line("secrets", strings.Join(p.SecretNames, ", "))
	line("callbacks to", p.CallbackURL)
	for _, ch := range p.Channels {
		if !ch.FailingSince.IsZero() {
			t.add(red, ch.Channel+" fails since", r.show(ch.FailingSince))
		}
		if h := ch.LastHour; h.Sent+h.Failed > 0 {
			line(ch.Channel+" in the last hour", fmt.Sprintf("%d taken, %d of them delivered; %d refused or lost", h.Sent, h.Delivered, h.Failed))
		}
		if k := ch.Canary; k != nil && !k.Up {
			t.add(red, ch.Channel+" canary down since", r.show(k.DownSince)+strings.TrimRight(": "+oneLine(k.Detail), ": "))
		}
		if k := ch.Canary; k != nil && !k.LastBack.IsZero() {
			line(ch.Channel+" canary last back", fmt.Sprintf("%s, after %s", r.show(k.LastBack), inSeconds(k.Seconds, 1)))
		}
		line(ch.Channel+" last taken", r.show(ch.LastSuccess))
		if !ch.LastFailure.IsZero() {
			line(ch.Channel+" last failure", r.show(ch.LastFailure)+": "+oneLine(ch.Failure))
		}
		if ch.Delivered > 0 {
			line(ch.Channel+" delivered", fmt.Sprintf("%d in 24 hours, half of them within %s, 95 %% within %s", ch.Delivered, inSeconds(ch.P50, 1), inSeconds(ch.P95, 1)))
		}
	}
	return t
}

func (c *cli) providerDeleteCommand() *cobra.Command {
	var asJSON, force bool
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a provider",
		Long: `Delete removes a provider with its secrets. It is refused if an alert would then find nobody to page.
Where messages are under way, disable it first (rouse provider set NAME --disable): what comes back is
taken in still.`,
		Example: `  rouse provider delete vonage`,
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if _, err := api.do(cmd.Context(), http.MethodDelete, providerPath(args[0])+forced(force), nil, nil); err != nil {
				return aboutProvider(args[0], err)
			}
			if asJSON {
				return encodeJSON(c.stdout, map[string]any{"name": args[0], "deleted": true})
			}
			_, err = fmt.Fprintf(c.stdout, "Provider %s is deleted.\n", args[0])
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "even if an alert would then find nobody to page")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

func forced(force bool) string {
	if force {
		return "?force=true"
	}
	return ""
}

// providerTest is a test of a provider as the API tells it.
type providerTest struct {
	ID       string `json:"id"`
	Channel  string `json:"channel"`
	State    string `json:"state"`
	Detail   string `json:"detail"`
	Receipts bool   `json:"receipts"`
}

// final reports whether nothing more is to be heard.
func (t providerTest) final() bool {
	return t.State == "delivered" || t.State == "failed" || t.State == "sent" && !t.Receipts
}

func (c *cli) providerTestCommand() *cobra.Command {
	var person string
	var contact int64
	var wait time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Send one message with a provider, and wait until it arrives",
		Long: `Test sends one message that says it is a test, with this provider and no other, also if it is disabled: to
the first contact that the provider can reach, of the person whose key it is or of the one in --to. Then
it waits for the receipt, where the provider sends any. A phone that rings has nothing to answer.

It fails if the message could not be sent, or did not arrive in time.`,
		Example: `  rouse provider test vonage --to ann
  rouse provider test twilio --to ann --contact 17`,
		Args: takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			return c.testProvider(cmd.Context(), api, args[0], person, contact, wait, asJSON)
		},
	}
	cmd.Flags().StringVar(&person, "to", "", "the person whose contact it goes to (default the one whose key it is)")
	cmd.Flags().Int64Var(&contact, "contact", 0, "the contact's id (default the first that the provider can reach)")
	cmd.Flags().DurationVar(&wait, "wait", time.Minute, "how long to wait for the receipt")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}

func (c *cli) testProvider(ctx context.Context, api *client, name, person string, contact int64, wait time.Duration, asJSON bool) error {
	wish := map[string]any{}
	if person != "" {
		wish["person"] = person
	}
	if contact != 0 {
		wish["contact"] = contact
	}
	var t providerTest
	raw, err := api.post(ctx, providerPath(name)+"/test", wish, &t)
	if err != nil {
		return aboutProvider(name, err)
	}
	if !t.final() && !asJSON {
		fmt.Fprintf(c.stderr, "%s has taken it; waiting for its receipt.\n", name)
	}
	until := time.NewTimer(wait)
	defer until.Stop()
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
waiting:
	for !t.final() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-until.C:
			break waiting
		case <-again.C:
		}
		if raw, err = api.get(ctx, providerPath(name)+"/test/"+url.PathEscape(t.ID), nil, &t); err != nil {
			return err
		}
	}
	if asJSON {
		if err := c.printJSON(raw); err != nil {
			return err
		}
	}
	switch {
	case t.State == "failed":
		return fmt.Errorf("not delivered by %s: %s", name, cmp.Or(oneLine(t.Detail), "it does not say why"))
	case !t.final():
		return fmt.Errorf("%s took the message, and said nothing more in %s: look at the phone, and whether the provider's callbacks reach Rouse", name, wait)
	case asJSON:
		return nil
	case t.State == "sent":
		_, err = fmt.Fprintf(c.stdout, "%s took the message. It does not tell whether it arrives: look.\n", name)
	default:
		_, err = fmt.Fprintf(c.stdout, "%s delivered the message (%s).\n", name, t.Channel)
	}
	return err
}

func (c *cli) providerPresetsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "presets",
		Short: "Show the SMS providers that Rouse knows how to ask",
		Long: `Presets shows what "rouse provider set NAME --kind gateway --preset PRESET" knows, and what it needs.
Any other provider that takes an HTTP request can be described: "rouse provider set --help".`,
		Example: `  rouse provider presets`,
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			type preset struct {
				Name    string   `json:"name"`
				About   string   `json:"about"`
				Secrets []string `json:"secrets"`
				Set     []string `json:"set,omitempty"`
			}
			var all []preset
			var t table
			t.add(bold, "PRESET", "WHAT", "NEEDS")
			for _, name := range gateway.PresetNames() {
				p := gateway.Presets[name]
				all = append(all, preset{name, p.About, p.Secrets, p.Set})
				var needs []string
				for _, s := range p.Set {
					needs = append(needs, "--set "+s+"=…")
				}
				for _, s := range p.Secrets {
					needs = append(needs, "--secret "+s)
				}
				t.add("", name, p.About, strings.Join(needs, " "))
			}
			if asJSON {
				return encodeJSON(c.stdout, all)
			}
			return c.print(t)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}
