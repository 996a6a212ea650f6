package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What is read of files.
const (
	maxFile    = 64 << 20  // bytes
	maxNodes   = 2_000_000 // values, those of aliases counted each time: a small file can stand for a huge one
	maxWrong   = 20        // mistakes that are told
	mostFaults = 1000      // after which no more is read
)

// configurationFile is the configuration that one or several files hold, and where in them each part of it
// stands.
type configurationFile struct {
	names    []string // as they were given
	sections map[string][]any
	places   map[string]place // by JSON pointer
	wrong    []mistake
	nodes    int
	file     int // that is being read
}

// place is a line of a file.
type place struct {
	file, line int
}

// mistake is something that cannot be sent as it is.
type mistake struct {
	place
	text string
}

// readConfiguration reads files, "-" for standard input. The sections of several are put together.
func readConfiguration(names []string, stdin io.Reader) (*configurationFile, error) {
	if len(names) == 0 {
		return nil, usagef("-f is missing: name the file, such as -f rouse.yaml. `rouse export` writes one")
	}
	f := &configurationFile{names: names, sections: map[string][]any{}, places: map[string]place{}}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, usagef("-f %s is given twice", name)
		}
		text, err := readFile(name, stdin)
		if err != nil {
			return nil, err
		}
		f.file = i
		f.read(text)
	}
	return f, f.err()
}

func readFile(name string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			if cause, ok := errors.AsType[*os.PathError](err); ok {
				err = cause.Err // the name is told already
			}
			return nil, fmt.Errorf("%s cannot be read: %w", name, err)
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", called(name), err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB", called(name), maxFile>>20)
	}
	return text, nil
}

func called(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// read takes in one file.
func (f *configurationFile) read(text []byte) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		f.refuse(1, "", "is empty; `rouse export` writes what there is")
		return
	case err != nil:
		f.notYAML(text)
		return
	}
	if err := d.Decode(&second); err == nil {
		f.refuse(second.Line, "", "begins a second document; put it into a file of its own, and name both with -f")
		return
	} else if !errors.Is(err, io.EOF) {
		f.notYAML(text)
		return
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		f.refuse(root.Line, "", "must have sections: "+strings.Join(configurationShape().names, ", "))
		return
	}
	f.object(root, configurationShape(), "")
}

// notYAML tells of text that is none, and in which line: that is where the shortest beginning ends that fails as
// all of it does. The line that the library says is the one above, or where the list or the fields begin that it
// was reading.
func (f *configurationFile) notYAML(text []byte) {
	failure := yamlFailure(text)
	lines := bytes.SplitAfter(text, []byte("\n"))
	ends := make([]int, len(lines))
	for i, end := 0, 0; i < len(lines); i++ {
		end += len(lines[i])
		ends[i] = end
	}
	line := 1 + sort.Search(len(lines)-1, func(i int) bool { return yamlFailure(text[:ends[i]]) == failure })
	why := strings.TrimPrefix(failure, "yaml: ")
	if _, said, ok := strings.Cut(why, ": "); ok && strings.HasPrefix(why, "line ") {
		why = said
	}
	f.refuse(line, "", "is not YAML: "+why)
}

// yamlFailure is what the library says of text: "yaml: line 3: did not find expected key". A line is put before it,
// as the library leaves out where the first one is what it was reading.
func yamlFailure(text []byte) string {
	d := yaml.NewDecoder(io.MultiReader(strings.NewReader("#\n"), bytes.NewReader(text)))
	for {
		switch err := d.Decode(&yaml.Node{}); {
		case errors.Is(err, io.EOF):
			return ""
		case err != nil:
			return err.Error()
		}
	}
}

func (f *configurationFile) refuse(line int, at, detail string) {
	if len(f.wrong) == mostFaults {
		f.nodes = maxNodes
		return
	}
	f.wrong = append(f.wrong, mistake{place{f.file, line}, strings.TrimSpace(strings.TrimPrefix(at, "/") + " " + detail)})
}

// spent counts a value or a field, those behind an alias each time it stands, and reports whether no more is
// read: a short file may mean a long one.
func (f *configurationFile) spent(line int, at string) bool {
	if f.nodes++; f.nodes == maxNodes {
		f.refuse(line, at, fmt.Sprintf("is beyond the %d values that are read", maxNodes))
	}
	return f.nodes >= maxNodes
}

// value reads what a node holds. It goes as deep as the shape does, so that nothing deeper is come to.
func (f *configurationFile) value(n *yaml.Node, s *shape, at string) any {
	f.places[at] = place{f.file, n.Line}
	line := n.Line
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case f.spent(line, at):
	case n.Style&yaml.TaggedStyle != 0:
		f.refuse(line, at, "has the tag "+n.Tag+"; tags are not read here")
	case s.kind == "object" && n.Kind == yaml.MappingNode:
		return f.object(n, s, at)
	case s.kind == "array" && n.Kind == yaml.SequenceNode:
		return f.list(n, s, at, 0)
	case s.kind != "object" && s.kind != "array" && n.Kind == yaml.ScalarNode:
		return f.scalar(n, line, s, at)
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		f.refuse(line, at, nothing[s.kind])
	default:
		f.refuse(line, at, "must be "+mustBe[s.kind])
	}
	return nil
}

var (
	mustBe  = map[string]string{"object": "fields with values", "array": "a list", "string": "a text", "integer": "a whole number", "boolean": "true or false"}
	nothing = map[string]string{
		"object":  "has nothing in it; leave it out",
		"array":   "has nothing in it; write [] if there are none",
		"string":  `has nothing in it; write "" or leave it out`,
		"integer": "has nothing in it; leave it out", "boolean": "has nothing in it; leave it out",
	}
)

func (f *configurationFile) scalar(n *yaml.Node, line int, s *shape, at string) any {
	tag, number := n.ShortTag(), int64(0)
	switch {
	case tag == "!!null":
		f.refuse(line, at, nothing[s.kind])
	case s.kind == "string":
		return n.Value // whatever YAML takes it for
	case s.kind == "integer" && tag == "!!int" && n.Decode(&number) == nil:
		return number
	case s.kind == "boolean" && tag == "!!bool":
		return strings.EqualFold(n.Value, "true")
	default:
		f.refuse(line, at, fmt.Sprintf("must be %s, not %q", mustBe[s.kind], shortened(n.Value)))
	}
	return nil
}

// list reads a list, of which some elements may be there from other files.
func (f *configurationFile) list(n *yaml.Node, s *shape, at string, from int) []any {
	all := []any{}
	for i, element := range n.Content {
		all = append(all, f.value(element, s.items, fmt.Sprintf("%s/%d", at, from+i)))
		if f.nodes >= maxNodes {
			break
		}
	}
	return all
}

func (f *configurationFile) object(n *yaml.Node, s *shape, at string) map[string]any {
	fields, lines := map[string]any{}, map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if f.spent(n.Content[i].Line, at) {
			return fields
		}
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		field := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		inside, known := s.fields[name]
		switch first := lines[name]; {
		case key.Kind != yaml.ScalarNode:
			f.refuse(key.Line, at, "has a field whose name is no text")
		case first > 0:
			f.refuse(key.Line, field, fmt.Sprintf("is there twice, first in line %d", first))
		case known && inside == nil: // the server gives it
		case !known:
			f.refuse(key.Line, field, "is not a field here; there is "+strings.Join(s.names, ", "))
		case at == "":
			f.section(value, inside, name)
		default:
			fields[name] = f.value(value, inside, field)
			f.places[field] = place{f.file, key.Line}
		}
		lines[name] = key.Line
	}
	return fields
}

// section adds what a file has of one to what other files have.
func (f *configurationFile) section(n *yaml.Node, s *shape, name string) {
	at := "/" + name
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if _, there := f.places[at]; !there {
		f.places[at] = place{f.file, n.Line}
	}
	switch {
	case n.Kind == yaml.SequenceNode:
		f.sections[name] = append(f.sections[name], f.list(n, s, at, len(f.sections[name]))...)
		if f.sections[name] == nil {
			f.sections[name] = []any{}
		}
	case n.ShortTag() == "!!null":
		f.refuse(n.Line, at, "has nothing in it; write [] to have none, or leave it out to leave it alone")
	default:
		f.refuse(n.Line, at, "must be a list")
	}
}

// err is all that is wrong, line by line.
func (f *configurationFile) err() error {
	if len(f.wrong) == 0 {
		return nil
	}
	slices.SortStableFunc(f.wrong, func(a, b mistake) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line)) })
	var lines []string
	for _, m := range f.wrong[:min(len(f.wrong), maxWrong)] {
		lines = append(lines, f.where(m.place)+" "+m.text)
	}
	if more := len(f.wrong) - maxWrong; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return errors.New(clean(strings.Join(lines, "\n  ")))
}

func (f *configurationFile) where(p place) string {
	return fmt.Sprintf("%s:%d:", called(f.names[p.file]), p.line)
}

// refused says of a server's refusal which lines it is about.
func (f *configurationFile) refused(err error) error {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return err
	}
	located := false
	var told []mistake
	for _, e := range r.problem.Errors {
		p, found := f.placeOf(e.Pointer)
		located = located || found
		told = append(told, mistake{p, e.text()})
	}
	if !located {
		return err
	}
	f.wrong = told
	return f.err()
}

// placeOf finds the line of a pointer, or of what it would stand in.
func (f *configurationFile) placeOf(pointer string) (place, bool) {
	for pointer != "" {
		if p, ok := f.places[pointer]; ok {
			return p, true
		}
		pointer = pointer[:max(0, strings.LastIndexByte(pointer, '/'))]
	}
	return place{0, 1}, false
}

// shortened is a value as an error shows it.
func shortened(text string) string {
	const shown = 60
	if r := []rune(oneLine(text)); len(r) > shown {
		return string(r[:shown]) + "…"
	}
	return oneLine(text)
}
