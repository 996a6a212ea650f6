package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// unknownService is what people write who do not know which service is at fault.
const unknownService = "unknown"

// described are the flags of raise and describe. What is not set is not spoken of.
type described struct {
	body  map[string]any
	flags *pflag.FlagSet
}

// particulars are the flags by name, with the field of the REST API and what --help says.
var particulars = []struct{ flag, field, help string }{
	{"description", "description", "what is known, in several lines"},
	{"reporter", "reporter", "who noticed it"},
	{"reporter-contact", "reporter_contact", "how they are reached"},
	{"stage", "stage", "investigating, identified or mitigated"},
	{"impact-began", "impact_began_at", "when customers began to feel it, 2026-11-20T09:12:00Z"},
	{"detected", "detected_at", "when it was noticed (default when it was opened)"},
	{"impact-ended", "impact_ended_at", "when customers felt it no more"},
	{"as", "by", "handle of the person who says so (default the key's person)"},
}

func (d *described) register(flags *pflag.FlagSet) {
	d.flags = flags
	for _, p := range particulars {
		flags.String(p.flag, "", p.help)
	}
	flags.StringArray("product", nil, "affected product; it may be given more than once")
	flags.StringArray("case", nil, "support case; it may be given more than once")
	flags.StringArray("link", nil, "address, or TEXT=ADDRESS; it may be given more than once")
}

// read gathers what was said.
func (d *described) read() map[string]any {
	d.body = map[string]any{}
	for _, p := range particulars {
		if d.flags.Changed(p.flag) {
			d.body[p.field], _ = d.flags.GetString(p.flag) // it is one
		}
	}
	for flag, field := range map[string]string{"product": "products", "case": "support_cases"} {
		if d.flags.Changed(flag) {
			d.body[field] = d.list(flag)
		}
	}
	if d.flags.Changed("link") {
		links := []map[string]string{}
		for _, l := range d.list("link") {
			text, href, found := strings.Cut(l, "=")
			if !found || strings.Contains(text, ":") { // an address may have a = of its own
				text, href = "", l
			}
			links = append(links, map[string]string{"href": href, "text": text})
		}
		d.body["links"] = links
	}
	return d.body
}

// list is what a flag lists; one empty value is nothing.
func (d *described) list(flag string) []string {
	values, _ := d.flags.GetStringArray(flag) // it is one
	if len(values) == 1 && values[0] == "" {
		return []string{}
	}
	return values
}

func (c *cli) raiseCommand() *cobra.Command {
	var asJSON bool
	var said described
	cmd := &cobra.Command{
		Use:   "raise SERVICE SEVERITY SUMMARY",
		Short: "Raise an incident that no monitoring tells of",
		Long: `Raise opens an incident and pages its incident manager: now at severity 1 and 2, in working hours at 3.
Where nobody knows which service is at fault, write unknown: the catch-all roster is paged.

  1  critical, with very high impact: a service is down for all customers, or data is lost or disclosed
  2  major, with significant impact: a service is down for some customers, or much of it does not work
  3  minor, with low impact: an inconvenience, which customers can work around`,
		Example: `  rouse raise bitbucket 1 "Pushes fail"
  rouse raise unknown 2 "Customers see other people's carts" --reporter "Carla, support" --case CS-17`,
		Args: takes("SERVICE", "SEVERITY", "SUMMARY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			severity := strings.TrimPrefix(strings.ToLower(args[1]), "sev")
			if len(severity) != 1 || !strings.Contains("123", severity) {
				return usagef("%q is no severity: use 1, 2 or 3", args[1])
			}
			body := said.read()
			body["severity"], body["summary"] = int(severity[0]-'0'), args[2]
			if args[0] != unknownService {
				body["service"] = args[0]
			}
			var did struct {
				Key string `json:"key"`
			}
			raw, err := api.do(cmd.Context(), http.MethodPost, "/v1/incidents", body, &did, "Idempotency-Key: "+rand.Text())
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(raw)
			}
			var t table
			t.add(green, fmt.Sprintf("%s is open. `rouse incidents %[1]s` shows who is paged.", did.Key))
			return c.print(t)
		},
	}
	said.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, as the REST API answers")
	return cmd
}

func (c *cli) describeCommand() *cobra.Command {
	var flags answerFlags
	var said described
	var summary, service, why string
	cmd := &cobra.Command{
		Use:   "describe KEY",
		Short: "Write down what is known of an incident",
		Long: `Describe changes what stands in the record of an incident, also of one that is resolved. What is not
named stays; an empty value takes it away. It pages nobody. Each change stands in the timeline.`,
		Example: `  rouse describe HOT-1234 --stage identified --why "a log was not rotated"
  rouse describe HOT-1234 --service jira --product "Jira Cloud" --link "call=https://meet.example.com/1"
  rouse describe HOT-1234 --impact-ended 2026-11-20T11:40:00Z`,
		Args: takes("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			body := said.read()
			if cmd.Flags().Changed("summary") {
				body["summary"] = summary
			}
			if cmd.Flags().Changed("service") {
				if body["service"] = service; service == unknownService {
					body["service"] = ""
				}
			}
			if len(body) == 0 {
				return usagef("nothing is said of %s: name what is known, such as --stage identified; see rouse describe --help", args[0])
			}
			if why != "" {
				body["why"] = why
			}
			if _, err := api.do(cmd.Context(), http.MethodPatch, incidentPath(args[0]), body, nil); err != nil {
				return aboutIncident(args[0], err)
			}
			return c.showIncident(cmd.Context(), args[0], r, flags.json)
		},
	}
	cmd.Flags().StringVar(&summary, "summary", "", "what is wrong, in one line")
	cmd.Flags().StringVar(&service, "service", "", "the one at fault, or unknown")
	cmd.Flags().StringVar(&why, "why", "", "a line of why, for the timeline")
	said.register(cmd.Flags())
	flags.add(cmd)
	return cmd
}
