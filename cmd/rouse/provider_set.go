package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// providerFlags is what is to become of a provider. What is not said stays.
type providerFlags struct {
	kind, preset, settings   string
	setting, set, sender     []string
	limits, canary           []string
	numbers, secrets, remove []string
	position                 int
	disable, enable          bool
	force, json              bool
}

func (c *cli) providerSetCommand() *cobra.Command {
	var f providerFlags
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Set a provider up, or change one",
		Long: `Set makes a provider, or changes what is said of one that there is. It is kept only if it can be used.

Settings by kind (--setting NAME=VALUE; a value that is JSON is taken as JSON):
  twilio    account_sid, from, api_key, messaging_service_sid; secrets auth_token, api_secret
  ntfy      url; secret token
  email     host, port, security (starttls, tls, none), username, from; secret password
  gateway   url, method, headers, body, answer, receipt, reply, or --preset with what differs from it; any
            secrets, {{.Secret.NAME}} in templates; what is not secret is --set NAME=VALUE, {{.Set.NAME}}
  web_push  subject; webhook none. Their keys are made by Rouse.
  slack, mattermost   channels, an object of where the incidents of each service are posted, "" all others;
            language; of mattermost url; secrets token, of slack signing_secret

--limit is how much any of them takes from one number or messaging service: sms=1/s, voice=30/min, or with a
burst, "push=10/s burst 20". All nodes together keep to it, and what is worst goes first.

--canary is where a robot of twilio, ntfy or a gateway is: sms=+4915112345678, voice=+49…, push=a-topic.
Every ROUSE_CANARY_EVERY, a minute, a message goes there, which costs. It has to be back before the next:
as a text that comes in at Rouse, if the robot is a number of the account's, or by its receipt; a call has
to be picked up; a push is read back from its topic. After two that are not, the provider is asked last
until one is.

Secrets are read from where others do not see them: --secret NAME=@FILE from a file, NAME=- from standard
input, NAME alone is asked for. Arguments are seen by whoever lists processes; who wants that writes
NAME=literal:VALUE.`,
		Example: `  rouse provider set vonage --kind gateway --preset vonage --sender Rouse --sender +1=+12025550123 \
      --secret api_key=@vonage.key --secret api_secret=@vonage.secret
  rouse provider set modem --kind gateway --preset kannel --set url=http://10.0.0.7:13013/cgi-bin/sendsms \
      --number +49 --secret username=literal:rouse --secret password
  rouse provider set twilio-us --kind twilio --setting account_sid=AC… --setting from=+12025550123 \
      --number +1 --secret auth_token=-
  rouse provider set vonage --limit sms=10/s
  rouse provider set vonage --canary sms=+4915112345678
  rouse provider set vonage --disable`,
		Args: takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			return c.setProvider(cmd.Context(), api, args[0], f, cmd.InOrStdin())
		},
	}
	cmd.Flags().StringVar(&f.kind, "kind", "", "of which kind a new one is, see above")
	cmd.Flags().StringVar(&f.preset, "preset", "", "of a gateway, see rouse provider presets")
	cmd.Flags().StringVar(&f.settings, "settings", "", "file with all settings, in JSON, in place of those there are")
	cmd.Flags().StringArrayVar(&f.setting, "setting", nil, "NAME=VALUE; an empty value removes it")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "NAME=VALUE that a gateway's templates have")
	cmd.Flags().StringArrayVar(&f.sender, "sender", nil, "number or name that texts are from, or +49=… for a country")
	cmd.Flags().StringSliceVar(&f.numbers, "number", nil, "the beginning of numbers that it serves, +49 (default all)")
	cmd.Flags().StringArrayVar(&f.limits, "limit", nil, "CHANNEL=10/s, 30/min or 100/h, perhaps with a burst; an empty one is none")
	cmd.Flags().StringArrayVar(&f.canary, "canary", nil, "CHANNEL=a robot's number or topic; an empty one is none")
	cmd.Flags().StringArrayVar(&f.secrets, "secret", nil, "NAME=@FILE, NAME=- or NAME")
	cmd.Flags().StringSliceVar(&f.remove, "remove-secret", nil, "NAME of a secret to forget")
	cmd.Flags().IntVar(&f.position, "position", 0, "the lowest is asked first (default behind the others)")
	cmd.Flags().BoolVar(&f.disable, "disable", false, "send nothing with it")
	cmd.Flags().BoolVar(&f.enable, "enable", false, "send with it again")
	cmd.Flags().BoolVar(&f.force, "force", false, "even if an alert would then find nobody to page")
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON, as the REST API answers")
	cmd.MarkFlagsMutuallyExclusive("disable", "enable")
	return cmd
}

func (c *cli) setProvider(ctx context.Context, api *client, name string, f providerFlags, stdin io.Reader) error {
	secrets, err := c.secretsOf(f, stdin)
	if err != nil {
		return err
	}
	var p carrier
	var headers []string
	switch _, err := api.get(ctx, providerPath(name), nil, &p); {
	case hasStatus(err, http.StatusNotFound) && f.kind == "":
		return usagef("there is no provider %s yet: say of which --kind it is to be", clean(name))
	case hasStatus(err, http.StatusNotFound):
	case err != nil:
		return err
	default:
		headers = []string{fmt.Sprintf(`If-Match: "%d"`, p.Version)}
	}
	settings, err := f.settingsOn(p, stdin)
	if err != nil {
		return err
	}
	wish := map[string]any{"kind": p.Kind, "settings": settings, "disabled": (p.Disabled || f.disable) && !f.enable}
	if f.kind != "" {
		wish["kind"] = f.kind
	}
	if f.position != 0 {
		wish["position"] = f.position
	}
	if len(secrets) > 0 {
		wish["secrets"] = secrets
	}
	raw, err := api.do(ctx, http.MethodPut, providerPath(name)+forced(f.force), wish, &p, headers...)
	switch {
	case err != nil:
		return err
	case f.json:
		return c.printJSON(raw)
	}
	fmt.Fprintf(c.stdout, "Provider %s is kept, and %s within seconds.\n", p.Name, map[bool]string{true: "switched off", false: "used"}[p.Disabled])
	if p.CallbackURL != "" {
		fmt.Fprintf(c.stdout, "Where the provider asks for an address for receipts or incoming texts, give it this one, and nobody else:\n%s\n", p.CallbackURL)
	}
	return nil
}

// settingsOn are the settings of a provider with what the flags say of them.
func (f providerFlags) settingsOn(p carrier, stdin io.Reader) (map[string]json.RawMessage, error) {
	settings := map[string]json.RawMessage{}
	if p.Settings != nil && (f.kind == "" || f.kind == p.Kind) {
		settings = p.Settings
	}
	if f.settings != "" {
		text, err := readFile(f.settings, stdin)
		if err != nil {
			return nil, err
		}
		settings = map[string]json.RawMessage{}
		if err := json.Unmarshal(text, &settings); err != nil {
			return nil, usagef("--settings: %s is no JSON object: %v", called(f.settings), err)
		}
	}
	for _, pair := range f.setting {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok || name == "":
			return nil, usagef("--setting %q is not NAME=VALUE", pair)
		case value == "":
			delete(settings, name)
		case json.Valid([]byte(value)):
			settings[name] = json.RawMessage(value)
		default:
			settings[name] = jsonText(value)
		}
	}
	if f.preset != "" {
		settings["preset"] = jsonText(f.preset)
	}
	if f.numbers != nil {
		settings["numbers"], _ = json.Marshal(f.numbers) // texts
	}
	if err := merged(settings, "set", f.set); err != nil {
		return nil, err
	}
	if err := merged(settings, "limits", f.limits); err != nil {
		return nil, err
	}
	if err := merged(settings, "canary", f.canary); err != nil {
		return nil, err
	}
	var senders []string
	for _, s := range f.sender {
		if !strings.Contains(s, "=") {
			s = "=" + s
		}
		senders = append(senders, s)
	}
	if err := merged(settings, "senders", senders); err != nil {
		return nil, err
	}
	return settings, nil
}

// merged adds pairs NAME=VALUE to a setting that is an object of texts.
func merged(settings map[string]json.RawMessage, setting string, pairs []string) error {
	if len(pairs) == 0 {
		return nil
	}
	object := map[string]string{}
	if was, ok := settings[setting]; ok {
		if err := json.Unmarshal(was, &object); err != nil {
			return fmt.Errorf("the setting %s is no object of texts: %w", setting, err)
		}
	}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return usagef("%q is not NAME=VALUE", pair)
		}
		object[name] = value
		if value == "" {
			delete(object, name)
		}
	}
	settings[setting], _ = json.Marshal(object) // texts
	return nil
}

func jsonText(text string) json.RawMessage {
	raw, _ := json.Marshal(text) // a text
	return raw
}

// secretsOf reads the secrets from where the flags say; nil removes one.
func (c *cli) secretsOf(f providerFlags, stdin io.Reader) (map[string]*string, error) {
	secrets := map[string]*string{}
	for _, name := range f.remove {
		secrets[name] = nil
	}
	taken := f.settings == "-"
	for _, s := range f.secrets {
		name, from, given := strings.Cut(s, "=")
		var value string
		var err error
		literal, isLiteral := strings.CutPrefix(from, "literal:")
		file, isFile := strings.CutPrefix(from, "@")
		switch {
		case name == "":
			return nil, usagef("--secret has no name: write NAME=@FILE, NAME=- or NAME")
		case isLiteral:
			value = literal
		case !given:
			value, err = c.prompt(name, stdin)
		case from == "-" && taken:
			return nil, usagef("only one thing can be standard input: put the others into files")
		case from == "-", isFile:
			taken = taken || from == "-"
			if !isFile {
				file = "-"
			}
			var text []byte
			text, err = readFile(file, stdin)
			value = strings.TrimSpace(string(text)) // a file ends with a line's end, which is no part of it
		default: // not quoted: it may be the secret
			return nil, usagef("--secret %s=… is neither @FILE nor -: arguments are seen by others. Who wants that writes %s=literal:VALUE", clean(name), clean(name))
		}
		if err != nil {
			return nil, err
		}
		if value == "" {
			return nil, usagef("the secret %s is empty; --remove-secret forgets one", clean(name))
		}
		secrets[name] = &value
	}
	return secrets, nil
}

// prompt asks for a secret at the terminal.
func (c *cli) prompt(name string, stdin io.Reader) (string, error) {
	f, ok := stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", usagef("the secret %s cannot be asked for, as standard input is no terminal: write %s=@FILE or %s=-", clean(name), clean(name), clean(name))
	}
	fmt.Fprintf(c.stderr, "%s: ", clean(name))
	text, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(c.stderr)
	return strings.TrimSpace(string(text)), err
}
