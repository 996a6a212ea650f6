package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rouse/api/keys"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
)

// keyFlags is what is asked for of a key.
type keyFlags struct {
	name, service, person, dialect string
	scopes                         []string
	settings, secret, register     string // files, "-" for standard input
	json                           bool
}

func (c *cli) tokenCreateCommand() *cobra.Command {
	var flags keyFlags
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a key and show it, once",
		Long: `Create makes a key and writes it to standard output, alone, so that it can be put into a variable.

A key's scopes say what it may do:
  read     look at everything
  respond  read, and answer, page and resolve; with --person it acts as that person
  admin    everything
  intake   send alerts, and nothing else; with --service, which implies it, for that service

A sender's key may be for one dialect, with the settings that this demands (a JSON object). What the sender
signs its requests with is kept encrypted: that needs ROUSE_SECRET_KEY, see "rouse serve --help".

With --register, a key that another system made is kept, as a hash: the senders which have it need not be
touched. It is read from a file or, with -, from standard input, as arguments are seen by others.`,
		Example: `  rouse token create --scope admin --name laptop
  rouse token create --scope respond --person ann --name "ann's shell"
  rouse token create --service bitbucket --name alertmanager
  rouse token create --service bitbucket --name jira --dialect jira --secret-file jira.secret
  rouse token create --service bitbucket --name datadog --dialect webhook --settings fields.json
  rouse token create --service bitbucket --name "opsgenie, the old key" --dialect opsgenie --register - < key
  export ROUSE_TOKEN=$(rouse token create --scope admin --name laptop)`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			wish, err := flags.wish(cmd.InOrStdin())
			if err != nil {
				return err
			}
			return c.createToken(cmd.Context(), wish, flags.json)
		},
	}
	cmd.Flags().StringVar(&flags.name, "name", "", "who or what the key is for")
	cmd.Flags().StringSliceVar(&flags.scopes, "scope", nil, "what it may do: read, respond, admin or intake")
	cmd.Flags().StringVar(&flags.service, "service", "", "make an integration key of this service")
	cmd.Flags().StringVar(&flags.person, "person", "", "the person whom a respond key acts as")
	cmd.Flags().StringVar(&flags.dialect, "dialect", "", "the only dialect that a sender's key is for (default all)")
	cmd.Flags().StringVar(&flags.settings, "settings", "", "file with what the dialect has to know of the sender, in JSON")
	cmd.Flags().StringVar(&flags.secret, "secret-file", "", "file with what the sender signs with, 8 bytes at least")
	cmd.Flags().StringVar(&flags.register, "register", "", "file with another system's key (16 to 256 characters) to keep, not a new one")
	cmd.Flags().BoolVar(&flags.json, "json", false, "write JSON")
	return cmd
}

func (c *cli) createToken(ctx context.Context, wish keys.Wish, asJSON bool) error {
	var text string
	var made enginedb.Key
	err := c.withKeys(ctx, func(ctx context.Context, db enginedb.Store, m keys.Maker) (err error) {
		text, made, err = m.Make(ctx, db, wish)
		return err
	})
	switch {
	case errors.Is(err, enginedb.ErrNotFound):
		return fmt.Errorf("there is no %s: make it first, through the API", ownerOf(wish.Key))
	case errors.Is(err, enginedb.ErrExists):
		return errors.New("the key is registered already, in force or revoked: register another one, or leave out --register to have one made")
	case err != nil:
		return inFlags(err)
	case asJSON:
		return encodeJSON(c.stdout, shownKey(made, text))
	case text == "":
		_, err = fmt.Fprintf(c.stderr, "Key %d, %s…, is registered.\n", made.ID, made.Prefix)
		return err
	}
	fmt.Fprintf(c.stderr, "Key %d is made. It is not shown again:\n", made.ID)
	_, err = fmt.Fprintln(c.stdout, text)
	return err
}

// wish reads what the flags ask for, and the files that they name.
func (f keyFlags) wish(stdin io.Reader) (w keys.Wish, err error) {
	w.Key = enginedb.Key{Name: strings.TrimSpace(f.name), Service: engine.ServiceID(f.service), Person: rosters.PersonID(f.person), Dialect: f.dialect}
	if w.Scopes, err = scopesOf(f.scopes, w.Key); err != nil {
		return w, err
	}
	if w.Name == "" {
		return w, usagef("--name is missing: say who or what the key is for, such as --name laptop")
	}
	from := ""
	read := func(flag, name string) (string, error) {
		switch {
		case name == "":
			return "", nil
		case name == "-" && from != "":
			return "", usagef("%s and %s cannot both be standard input: put one into a file", from, flag)
		case name == "-":
			from = flag
		}
		text, err := readFile(name, stdin)
		if err != nil {
			return "", err
		}
		value := strings.TrimSpace(string(text)) // a file ends with a line's end, which is no part of it
		if value == "" {
			return "", usagef("%s: %s is empty", flag, called(name))
		}
		return value, nil
	}
	settings, err := read("--settings", f.settings)
	if err != nil {
		return w, err
	}
	w.Settings = []byte(settings)
	secret, err := read("--secret-file", f.secret)
	if err != nil {
		return w, err
	}
	w.Secret = &secret
	w.Foreign, err = read("--register", f.register)
	return w, err
}

// inFlags says what is wrong with a key in the words of the command line.
func inFlags(err error) error {
	fields, ok := errors.AsType[rosters.FieldErrors](err)
	if !ok {
		return err
	}
	names := map[string]string{"key": "--register", "scopes": "--scope", "person": "--person", "dialect": "--dialect", "settings": "--settings", "secret": "--secret-file", "name": "--name"}
	var lines []string
	for _, e := range fields {
		field, below, _ := strings.Cut(strings.TrimPrefix(e.Field, "/"), "/")
		line := names[field]
		if below != "" {
			line += ": /" + below
		}
		if e.Value != "" {
			line += fmt.Sprintf(" (%s)", e.Value)
		}
		lines = append(lines, line+" "+e.Problem)
	}
	return usagef("%s", strings.Join(lines, "\n"))
}

// scopesOf checks the scopes asked for. A service's key may send alerts and do nothing else.
func scopesOf(names []string, k enginedb.Key) (scopes []enginedb.Scope, err error) {
	if k.Service != "" && len(names) == 0 {
		names = []string{string(enginedb.ScopeIntake)}
	}
	if len(names) == 0 {
		return nil, usagef("--scope is missing: use read, respond, admin or intake, or --service for an integration key")
	}
	known := []enginedb.Scope{enginedb.ScopeRead, enginedb.ScopeRespond, enginedb.ScopeAdmin, enginedb.ScopeIntake}
	for _, name := range names {
		scope := enginedb.Scope(name)
		switch {
		case !slices.Contains(known, scope):
			return nil, usagef("there is no scope %q: use read, respond, admin or intake", name)
		case scope != enginedb.ScopeIntake && k.Service != "":
			return nil, usagef("a service's key sends alerts and nothing else: leave out --scope %s or --service", name)
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	if k.Person != "" && !slices.Contains(scopes, enginedb.ScopeRespond) {
		return nil, usagef("--person goes with --scope respond: it says as whom the key answers")
	}
	return scopes, nil
}

func ownerOf(k enginedb.Key) string {
	if k.Service != "" {
		return "service " + string(k.Service)
	}
	return "person " + string(k.Person)
}
