package dsl

import (
	"fmt"
	"maps"
	"strings"

	yamlast "github.com/goccy/go-yaml/ast"
	yamllexer "github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	yamltoken "github.com/goccy/go-yaml/token"
)

// largestYAML bounds what is read as YAML, whose syntax costs much more than that of the other formats.
const (
	largestYAML = 1 << 20
	deepestYAML = 50
	mostKeys    = 5000 // of a mapping, for which the parser takes the square of their number
	mostDocs    = 10   // of a file, likewise; the first one is read
)

// readYAML reads what readJSON reads, as YAML. There are no anchors in it: a few lines of them are gigabytes.
func (f *listFile) readYAML(text string) (any, error) {
	if len(text) > largestYAML {
		return nil, &listError{f.name, 0, fmt.Sprintf("it is larger than %d MiB, too much for YAML", largestYAML>>20), "keep long lists in a text, csv or json file"}
	}
	node, err := f.parseYAML(text)
	if err != nil {
		return nil, err
	}
	if f.path != "" {
		for step := range strings.SplitSeq(f.path, ".") {
			m, ok := node.(*yamlast.MappingNode)
			if !ok {
				return nil, f.errorf(lineOf(node), "path leads to %s, where no mapping is", quoteShort(step))
			}
			if node = fieldOf(m, step); node == nil {
				return nil, f.errorf(lineOf(m), "path leads to %s, which is not there", quoteShort(step))
			}
		}
	}
	list, ok := node.(*yamlast.SequenceNode)
	if !ok {
		return nil, &listError{f.name, lineOf(node), "there is no list here", `say where it is: {path: "customers"}`}
	}
	var out entryList
	for _, e := range list.Values {
		line := func() int { return lineOf(e) }
		if f.column != "" {
			m, ok := e.(*yamlast.MappingNode)
			if !ok {
				return nil, f.errorf(line(), "an entry is no mapping, so it has no field %s", quoteShort(f.column))
			}
			if e = fieldOf(m, f.column); e == nil {
				return nil, f.errorf(lineOf(m), "an entry has no field %s", quoteShort(f.column))
			}
		}
		switch e := e.(type) {
		case *yamlast.StringNode:
			err = out.addText(f, e.Value, line)
		case *yamlast.LiteralNode:
			err = out.addText(f, e.Value.Value, line)
		case *yamlast.IntegerNode:
			err = out.addNumber(f, fmt.Sprint(e.Value), line)
		case *yamlast.FloatNode:
			err = out.addNumber(f, fmt.Sprint(e.Value), line)
		default:
			err = f.notScalar(line())
		}
		if err != nil {
			return nil, err
		}
	}
	return out.value(), nil
}

// parseYAML looks at the tokens before they are parsed: the parser is recursive, and knows anchors.
func (f *listFile) parseYAML(text string) (node yamlast.Node, err error) {
	defer func() {
		if recover() != nil { // a bug of the library's must not keep a good rule set from being served
			node, err = nil, f.errorf(0, "this is not YAML that can be read here")
		}
	}()
	tokens := yamllexer.Tokenize(text)
	open, dashes, line, docs := 0, 0, 0, 0
	keys := map[int]int{} // by their column, since a list to their left began
	for _, t := range tokens {
		switch t.Type {
		case yamltoken.MappingValueType:
			if t.Prev == nil {
				break
			}
			if at := t.Prev.Position.Column; keys[at] < mostKeys {
				keys[at]++
			} else {
				return nil, f.errorf(t.Position.Line, "a mapping of more than %d keys", mostKeys)
			}
		case yamltoken.DocumentHeaderType:
			if docs++; docs > mostDocs {
				return nil, f.errorf(t.Position.Line, "more than %d documents", mostDocs)
			}
		case yamltoken.AnchorType, yamltoken.AliasType, yamltoken.MergeKeyType, yamltoken.TagType:
			return nil, f.errorf(t.Position.Line, "anchors, aliases and tags are not read here")
		case yamltoken.SequenceStartType, yamltoken.MappingStartType:
			open++
		case yamltoken.SequenceEndType, yamltoken.MappingEndType:
			open--
		case yamltoken.SequenceEntryType, yamltoken.MappingKeyType:
			if t.Position.Line != line {
				dashes, line = 0, t.Position.Line
			}
			dashes++
			maps.DeleteFunc(keys, func(at, _ int) bool { return t.Type == yamltoken.SequenceEntryType && at > t.Position.Column })
		}
		if open+dashes > deepestYAML || t.Position.Column > 2000 && t.Type == yamltoken.SequenceEntryType {
			return nil, f.errorf(t.Position.Line, "this lies too deep in lists and mappings")
		}
	}
	file, err := yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		return nil, f.yamlError(err)
	}
	for _, d := range file.Docs {
		if d.Body != nil {
			return plainNode(d.Body), nil
		}
	}
	return nil, &listError{f.name, 0, "it is empty", "an empty list is written []"}
}

// yamlError says where the parser stopped, and nothing of what it read.
func (f *listFile) yamlError(err error) error {
	if e, ok := err.(interface{ GetToken() *yamltoken.Token }); ok && e.GetToken() != nil {
		return f.errorf(e.GetToken().Position.Line, "this is not YAML that can be read here")
	}
	return f.errorf(0, "this is not YAML that can be read here")
}

// plainNode is a mapping of one pair as a mapping.
func plainNode(n yamlast.Node) yamlast.Node {
	if v, ok := n.(*yamlast.MappingValueNode); ok {
		return &yamlast.MappingNode{BaseNode: &yamlast.BaseNode{}, Start: v.Start, Values: []*yamlast.MappingValueNode{v}}
	}
	return n
}

func fieldOf(m *yamlast.MappingNode, name string) yamlast.Node {
	for _, v := range m.Values {
		if s, ok := v.Key.(*yamlast.StringNode); ok && s.Value == name {
			return plainNode(v.Value)
		}
	}
	return nil
}

func lineOf(n yamlast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}
