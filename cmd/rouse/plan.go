package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// plan is what comes of a configuration, as PUT /v1/configuration tells; of a dry run it is the result, and
// the effects stand beside it.
type plan struct {
	BasedOn   string      `json:"based_on"`
	Changes   []planStep  `json:"changes"`
	More      int         `json:"more"`
	PagesTo   time.Time   `json:"pages_to"`
	Pages     []pageMoved `json:"pages"`
	MorePages int         `json:"more_pages"`
	Effects   effects     `json:"effects"`
}

type planStep struct {
	Kind   string        `json:"kind"`
	ID     string        `json:"id"`
	Action string        `json:"action"`
	Fields []fieldChange `json:"fields"`
	More   int           `json:"more"`
}

type fieldChange struct {
	Pointer string          `json:"pointer"`
	Before  json.RawMessage `json:"before"`
	After   json.RawMessage `json:"after"`
}

type pageMoved struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Where string    `json:"where"`
	What  string    `json:"what"`
}

// changeFlags are those of a change of the whole configuration.
type changeFlags struct {
	answerFlags
	files []string
	from  string
	keep  bool
}

func (f *changeFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.files, "file", "f", nil, "a `FILE` that rouse export wrote, - for standard input; may be given more than once")
	cmd.Flags().BoolVar(&f.keep, "keep", false, "delete nothing: what is not in the file stays")
	cmd.Flags().StringVar(&f.from, "from", "", "when changed rotations count from, such as \"2026-12-24 18:00\" (default now)")
	f.answerFlags.add(cmd)
}

// change is a change that is ready to be sent.
type change struct {
	*configurationFile
	api    *client
	reader reader
	query  url.Values
	flags  changeFlags
}

func (c *cli) newChange(cmd *cobra.Command, flags changeFlags) (*change, error) {
	r, err := c.reader(flags.zone)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if flags.from != "" {
		at, err := r.soon(flags.from, time.Now())
		if err != nil {
			return nil, err
		}
		query.Set("effective_from", at.UTC().Format(time.RFC3339))
	}
	if flags.keep {
		query.Set("prune", "false")
	}
	file, err := readConfiguration(flags.files, cmd.InOrStdin())
	if err != nil {
		return nil, err
	}
	api, err := c.configurationClient()
	return &change{file, api, r, query, flags}, err
}

// id names a plan: what it was made on, and of what.
func (ch *change) id(basedOn string) string { return basedOn + "-" + ch.digest() }

// digest tells what is to be done apart from anything else: the files as they are read, and the flags.
func (ch *change) digest() string {
	text, _ := json.Marshal(ch.sections) // it was read from text
	sum := sha256.Sum256(fmt.Appendf(nil, "%s?%s", text, ch.query.Encode()))
	return hex.EncodeToString(sum[:4])
}

// basis is what a plan was made on, if it is one of just this change.
func (ch *change) basis(plan string) (basedOn string, err error) {
	basedOn, of, ok := strings.Cut(plan, "-")
	if !ok || of != ch.digest() {
		return "", errors.New(clean(fmt.Sprintf("nothing is changed: plan %s is not one of this file with these flags.\nSee what they would do: `%s`", plan, ch.command("plan"))))
	}
	return basedOn, nil
}

// rehearse asks what would come of it.
func (ch *change) rehearse(ctx context.Context) (p plan, raw json.RawMessage, err error) {
	var answer struct {
		Result  plan    `json:"result"`
		Effects effects `json:"effects"`
	}
	raw, err = ch.send(ctx, "dry_run", "", &answer)
	answer.Result.Effects = answer.Effects
	return answer.Result, raw, err
}

// do makes it so, if the configuration is the one that was named.
func (ch *change) do(ctx context.Context, force bool, basedOn string) (done plan, raw json.RawMessage, err error) {
	how := ""
	if force {
		how = "force"
	}
	raw, err = ch.send(ctx, how, basedOn, &done)
	return done, raw, err
}

func (ch *change) send(ctx context.Context, how, basedOn string, out any) (json.RawMessage, error) {
	query := maps.Clone(ch.query)
	if how != "" {
		query.Set(how, "true")
	}
	var headers []string
	if basedOn != "" {
		headers = []string{fmt.Sprintf("If-Match: %q", basedOn)}
	}
	raw, err := ch.api.do(ctx, http.MethodPut, strings.TrimSuffix(configurationPath+"?"+query.Encode(), "?"), ch.sections, out, headers...)
	r, refused := errors.AsType[*refusal](err)
	switch {
	case refused && r.status == http.StatusPreconditionFailed:
		return nil, ch.changed(basedOn, r)
	case refused && r.problem.Type == "/problems/opens-hole":
		return nil, opensHoles(r)
	case refused && r.problem.Type == "/problems/in-use" && !slices.ContainsFunc(r.problem.Errors, problemField.placed):
		return nil, ch.stillNeeded(r)
	}
	return raw, ch.refused(err)
}

// changed is for a plan that is not of this configuration any more.
func (ch *change) changed(basedOn string, r *refusal) error {
	said := fmt.Sprintf("nothing is changed: the configuration is not that of plan %s any more.", basedOn)
	for _, e := range r.problem.Errors {
		said += "\n  " + e.Detail
	}
	return errors.New(clean(said + "\nSee what the file would do now: `" + ch.command("plan") + "`"))
}

// stillNeeded is for what is missing from the files, and cannot be deleted.
func (ch *change) stillNeeded(r *refusal) error {
	return errors.New(clean("nothing is changed: what the file leaves out of its sections would be deleted, and cannot be:" + shownProblems(r) +
		"\nPut it into the file, or leave no name of it in what stays, or keep all that the file leaves out, with --keep."))
}

// opensHoles is for a plan that was not forced.
func opensHoles(r *refusal) error {
	return errors.New(clean("nothing is changed: an alert would then find nobody to page:" + shownProblems(r) + "\nClose these holes first, or say --force."))
}

// shownProblems are the first of all that is wrong, each in a line below.
func shownProblems(r *refusal) string {
	var texts []string
	for _, e := range r.problem.Errors {
		texts = append(texts, "\n  "+e.Detail)
	}
	shown := strings.Join(texts[:min(len(texts), maxWrong)], "")
	if more := len(texts) - maxWrong; more > 0 {
		shown += fmt.Sprintf("\n  and %d more", more)
	}
	return shown
}

// command is the command line for the same change.
func (ch *change) command(name string, flags ...string) string {
	line := "rouse " + name
	for _, file := range ch.flags.files {
		line += " -f " + quotedForShell(file)
	}
	if ch.flags.keep {
		line += " --keep"
	}
	if from := ch.query.Get("effective_from"); from != "" {
		line += " --from " + from
	}
	return strings.Join(append([]string{line}, flags...), " ")
}

var needsNoQuotes = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

func quotedForShell(word string) string {
	if needsNoQuotes.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func (c *cli) planCommand() *cobra.Command {
	var flags changeFlags
	var check bool
	cmd := &cobra.Command{
		Use:   "plan -f FILE",
		Short: "Show what a file would change, and who would be paged otherwise",
		Long: `Plan holds a file against the configuration, saves nothing, and shows what would be created, changed and
deleted; who would be on call and who would be paged otherwise within two weeks; and which holes would open
or close. Rouse apply does it, as a whole, and only if nobody has changed anything since the plan.

Within a section the file is the whole: what is not in it is deleted, unless --keep. A section that is left
out stays as it is. With --check the exit status is 1 if there is something to change.`,
		Example: `  rouse plan -f rouse.yaml
  rouse plan -f people.yaml -f rosters.yaml --keep
  rouse plan -f rouse.yaml --check --json
  rouse plan -f rouse.yaml --from "2026-12-24 09:00"`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ch, err := c.newChange(cmd, flags)
			if err != nil {
				return err
			}
			p, raw, err := ch.rehearse(cmd.Context())
			if err != nil {
				return err
			}
			if flags.json {
				err = c.printPlan(ch.id(p.BasedOn), raw)
			} else {
				err = c.showPlan(ch, p)
			}
			if err == nil && check && len(p.Changes) > 0 {
				err = fmt.Errorf("%s to make", plural(len(p.Changes)+p.More, "change", "changes"))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "fail if there is something to change")
	flags.add(cmd)
	return cmd
}

// printPlan is the answer with the name of the plan, for apply.
func (c *cli) printPlan(id string, raw json.RawMessage) error {
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(raw, &answer); err != nil {
		return err
	}
	name, err := json.Marshal(id)
	if err != nil {
		return err
	}
	answer["plan"] = name
	whole, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return c.printJSON(whole)
}

func (c *cli) showPlan(ch *change, p plan) error {
	if len(p.Changes) == 0 {
		return c.print(said(green, "Nothing to change: the configuration is what the file says."))
	}
	if err := c.showChanges(p, ch.reader); err != nil {
		return err
	}
	t := said("", "", p.counts("to create", "to change", "to delete")+". Nothing is saved.")
	if len(p.Effects.HolesOpened) > 0 {
		t.add(red, "As it opens holes it is refused, unless --force is said, too.")
	}
	t.add("", "Next: "+ch.command("apply", "--plan "+ch.id(p.BasedOn)))
	return c.print(t)
}

// said is lines without columns.
func said(paint colour, lines ...string) (t table) {
	for _, line := range lines {
		t.add(paint, line)
	}
	return t
}

// counts is "1 to create, 2 to change".
func (p plan) counts(create, change, remove string) string {
	n := map[string]int{}
	for _, s := range p.Changes {
		n[s.Action]++
	}
	var parts []string
	for _, what := range []struct{ action, words string }{{"create", create}, {"change", change}, {"delete", remove}} {
		if n[what.action] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[what.action], what.words))
		}
	}
	if p.More > 0 {
		parts = append(parts, fmt.Sprintf("%d more", p.More))
	}
	return strings.Join(parts, ", ")
}
