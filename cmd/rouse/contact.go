package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// contactAnswer is a contact as the API tells it.
type contactAnswer struct {
	ID       int64  `json:"id,omitempty"`
	Channel  string `json:"channel"`
	Address  string `json:"address"`
	After    string `json:"after,omitempty"`
	Plan     string `json:"plan,omitempty"`
	Disabled bool   `json:"disabled,omitempty"`
	Dead     string `json:"dead,omitempty"`
	Verified bool   `json:"verified,omitempty"`

	CodeFailure string `json:"code_failure,omitempty"`
}

// state says whether a contact is used, and known to reach its owner.
func (c contactAnswer) state() string {
	switch {
	case c.Dead != "":
		return "dead: " + c.Dead
	case c.Disabled:
		return "disabled"
	case c.Verified && c.CodeFailure == "":
		return "verified"
	case c.Verified:
		return "verified; the last code could not be sent: " + oneLine(c.CodeFailure)
	case c.CodeFailure != "":
		return "not verified; the last code could not be sent: " + oneLine(c.CodeFailure)
	default:
		return "not verified"
	}
}

func (c *cli) contactCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contact",
		Short: "How a person is paged: list, add, remove and verify contacts",
		Long: `Contact looks after how a person is paged: their phones, addresses and topics, in the order in which they are
tried. They are those of the person that the key in ROUSE_TOKEN acts as; an admin says --for ann.`,
		Example: `  rouse contact list
  rouse contact add sms +4915112345617
  rouse contact verify 12`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.contactListCommand(), c.contactAddCommand(), c.contactRemoveCommand(), c.contactVerifyCommand())
	return cmd
}

// contactFlags are those of every such command.
type contactFlags struct {
	person string
	named  bool // in --for, and not by the key
	json   bool
}

func (f *contactFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.person, "for", "", "handle of the person (default whom the key acts as)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON, as the API answers it")
}

// contacts is the path of the person's contacts.
func (f *contactFlags) contacts(ctx context.Context, api *client) (string, error) {
	f.named = f.person != ""
	if !f.named {
		var me struct {
			Person string `json:"person"`
		}
		if _, err := api.get(ctx, "/v1/me", nil, &me); err != nil {
			return "", err
		}
		if me.Person == "" {
			return "", errors.New("the key in ROUSE_TOKEN acts as nobody: say whose contacts with --for")
		}
		f.person = me.Person
	}
	return "/v1/people/" + url.PathEscape(f.person) + "/contacts", nil
}

// contact makes a command that works on a person's contacts; answer is printed unless it gives nothing.
func (c *cli) contact(use, short, long, example string, args cobra.PositionalArgs, flags *contactFlags,
	run func(ctx context.Context, api *client, path string, args []string) (json.RawMessage, table, error)) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			path, err := flags.contacts(cmd.Context(), api)
			if err != nil {
				return err
			}
			raw, said, err := run(cmd.Context(), api, path, args)
			if err != nil {
				return err
			}
			if flags.json && len(raw) > 0 {
				return encodeJSON(c.stdout, raw)
			}
			return c.print(said)
		}}
	flags.add(cmd)
	return cmd
}

func (c *cli) contactListCommand() *cobra.Command {
	flags := &contactFlags{}
	return c.contact("list", "List contacts", "List shows a person's contacts in the order in which they are tried, which of them\nare known to reach the person, and where the last code could not be sent, and why.",
		"  rouse contact list\n  rouse contact list --for ann", takes(), flags,
		func(ctx context.Context, api *client, path string, _ []string) (json.RawMessage, table, error) {
			var found struct {
				Items []contactAnswer `json:"items"`
			}
			raw, err := api.get(ctx, path, nil, &found)
			return raw, contactTable(found.Items), err
		})
}

func contactTable(list []contactAnswer) (t table) {
	if len(list) == 0 {
		t.add("", "There is no contact: nothing can page this person.")
		return t
	}
	t.add(bold, "ID", "CHANNEL", "ADDRESS", "AFTER", "PLAN", "STATE")
	for _, c := range list {
		plan := c.Plan
		if plan == "" {
			plan = "wake"
		}
		t.add("", fmt.Sprint(c.ID), c.Channel, c.Address, c.After, plan, c.state())
	}
	return t
}

func (c *cli) contactAddCommand() *cobra.Command {
	flags := &contactFlags{}
	var after time.Duration
	var plan string
	cmd := c.contact("add CHANNEL ADDRESS", "Add a contact",
		"Add gives a person one more contact. The channel is push, sms, voice, email or webhook;\nbrowsers add themselves on Rouse's page.",
		"  rouse contact add sms +4915112345617\n  rouse contact add voice +4915112345617 --after 2m\n  rouse contact add email ann@example.com --plan tell", takes("CHANNEL", "ADDRESS"), flags,
		func(ctx context.Context, api *client, path string, args []string) (json.RawMessage, table, error) {
			var made contactAnswer
			raw, err := api.post(ctx, path, contactAnswer{Channel: args[0], Address: args[1], After: after.String(), Plan: plan}, &made)
			said := contactTable([]contactAnswer{made})
			if !made.Verified {
				said.add("", fmt.Sprintf("Run `%s`: then it is known that it reaches its owner.", flags.next(fmt.Sprint("verify ", made.ID))))
			}
			return raw, said, err
		})
	cmd.Flags().DurationVar(&after, "after", 0, "how long after the page began it is tried")
	cmd.Flags().StringVar(&plan, "plan", "wake", "wake for severity 1 and 2, tell for severity 3 and notices, or both")
	return cmd
}

func (c *cli) contactRemoveCommand() *cobra.Command {
	flags := &contactFlags{}
	var force bool
	cmd := c.contact("remove ID", "Remove a contact", "Remove takes a contact away; admins can restore it.",
		"  rouse contact remove 12", takes("ID"), flags,
		func(ctx context.Context, api *client, path string, args []string) (json.RawMessage, table, error) {
			id, err := contactID(args[0])
			if err != nil {
				return nil, table{}, err
			}
			path = fmt.Sprintf("%s/%d", path, id)
			if force {
				path += "?force=true"
			}
			_, err = api.do(ctx, http.MethodDelete, path, nil, nil)
			var said table
			said.add("", fmt.Sprintf("Contact %d is removed.", id))
			return nil, said, err
		})
	cmd.Flags().BoolVar(&force, "force", false, "even if an alert would then find nobody to page")
	return cmd
}

func (c *cli) contactVerifyCommand() *cobra.Command {
	flags := &contactFlags{}
	var code string
	cmd := c.contact("verify ID", "Verify a contact by a code that is sent there",
		"Verify has a code of six digits sent to a contact, in a call read out. With --code it verifies\nthe contact: the code shows that what is sent there reaches its owner. It is good for ten\nminutes and five tries. The answer is the same whether it can be sent or not; that it could not is\nshown by list.",
		"  rouse contact verify 12\n  rouse contact verify 12 --code 482913", takes("ID"), flags,
		func(ctx context.Context, api *client, path string, args []string) (json.RawMessage, table, error) {
			id, err := contactID(args[0])
			if err != nil {
				return nil, table{}, err
			}
			path = fmt.Sprintf("%s/%d/verification", path, id)
			var said table
			if code == "" {
				var sent struct{}
				raw, err := api.post(ctx, path, nil, &sent)
				said.add("", "A code is on its way. Then: "+flags.next(fmt.Sprintf("verify %d --code 482913", id)))
				said.add("", fmt.Sprintf("If none comes, `%s` says whether it could be sent.", flags.next("list")))
				return raw, said, err
			}
			var verified contactAnswer
			raw, err := api.do(ctx, http.MethodPut, path, map[string]string{"code": code}, &verified)
			return raw, contactTable([]contactAnswer{verified}), err
		})
	cmd.Flags().StringVar(&code, "code", "", "the six digits that were sent")
	return cmd
}

// next is a command line that goes on with the contacts of the same person.
func (f *contactFlags) next(command string) string {
	line := "rouse contact " + command
	if f.named {
		line += " --for " + quotedForShell(f.person)
	}
	return clean(line)
}

func contactID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, usagef("%q is not the number of a contact: `rouse contact list` shows them", text)
	}
	return id, nil
}
