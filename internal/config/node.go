package config

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// resolve follows anchors, tags and aliases to the node that holds the value; nil after an error.
func (d *decoder) resolve(n ast.Node) ast.Node {
	if d.nodes++; d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.errorf(n, "more than %d values: an alias that leads to itself, or too many of them", maxNodes)
		}
		return nil
	}
	for range 100 {
		switch node := n.(type) {
		case *ast.AnchorNode:
			d.anchors[node.Name.GetToken().Value] = node.Value
			n = node.Value
		case *ast.TagNode:
			n = node.Value
		case *ast.AliasNode:
			name := node.Value.GetToken().Value
			target, ok := d.anchors[name]
			if !ok {
				d.errorf(node, "no anchor &%s above this alias (a text that begins with * needs quotes)", name)
				return nil
			}
			n = target
		case *ast.MappingNode:
			return unsplit(node)
		default:
			return n
		}
	}
	d.errorf(n, "an alias that leads to itself")
	return nil
}

// unsplit mends what the parser makes of {listen: [127.0.0.1:25]}: inside braces it takes any colon
// for the end of a key, while YAML (1.2.2, section 7.3.3) wants white space behind it. Without braces
// of its own and without that space, it was one plain text. See goccy/go-yaml issue 832.
func unsplit(n *ast.MappingNode) ast.Node {
	if len(n.Values) != 1 || n.Start == nil || n.Start.Type != token.MappingValueType {
		return n
	}
	k, colon, v := n.Values[0].Key.GetToken(), n.Start, n.Values[0].Value.GetToken()
	glued := isScalar(n.Values[0].Value) && k.Position.Line == v.Position.Line && v.Position.Column == colon.Position.Column+1
	switch {
	case !glued || quotes(k) || quotes(v):
		return n
	case k.Position.Column+len([]rune(k.Value)) != colon.Position.Column:
		return n
	default:
		return ast.String(token.String(k.Value+":"+v.Value, k.Origin+colon.Origin+v.Origin, k.Position))
	}
}

func quotes(t *token.Token) bool {
	return t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
}

// entries lists the keys of a mapping, merge keys (<<) resolved; nil after an error.
func (d *decoder) entries(n ast.Node, what string) ([]*ast.MappingValueNode, bool) {
	var all []*ast.MappingValueNode
	switch node := n.(type) {
	case *ast.MappingNode:
		all = node.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{node}
	default:
		d.errorf(n, "%s is written as keys with values, not as %s", what, kindOf(n))
		return nil, false
	}
	var own, merged []*ast.MappingValueNode
	seen := map[string]Position{}
	for _, e := range all {
		if e.Key.IsMergeKey() {
			if target := d.resolve(e.Value); target != nil && target != n {
				more, _ := d.entries(target, "what << merges")
				merged = append(merged, more...)
			}
			continue
		}
		name := e.Key.GetToken().Value
		if first, ok := seen[name]; ok {
			d.errorf(e.Key, "key %q is here a second time, first at %s", name, first)
			continue
		}
		seen[name] = d.position(e.Key)
		own = append(own, e)
	}
	for _, e := range merged {
		if name := e.Key.GetToken().Value; seen[name] == (Position{}) {
			seen[name] = d.position(e.Key)
			own = append(own, e)
		}
	}
	return own, true
}

// isScalar reports whether a node is one plain value, null among them.
func isScalar(n ast.Node) bool {
	_, ok := n.(ast.ScalarNode)
	return ok
}

func isNull(n ast.Node) bool {
	_, ok := n.(*ast.NullNode)
	return ok
}

// text is a scalar as it was written, without its quotes: a name may look like a number.
func text(n ast.Node) string {
	switch node := n.(type) {
	case *ast.StringNode:
		return node.Value
	case *ast.LiteralNode:
		return node.Value.Value
	case *ast.NullNode:
		return ""
	default:
		return n.GetToken().Value
	}
}

// kindOf names the kind of a node for people.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	default:
		return "one value"
	}
}
