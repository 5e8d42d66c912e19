package mail

import (
	"bytes"
	"strconv"
)

// An effect is what a style does to the text of its element.
type effect struct {
	gone    bool // nothing inside can be seen, whatever its own style says
	display bool // it says that the element is displayed
	set, on look // what it says of the look
}

// styleMax bounds what is read of one style.
const styleMax = 4096

// read adds what a list of declarations does. Only what is certain counts: mso-hide is not here, for it hides from
// Outlook alone what all others show, like the usual buttons; nor is white on white, where the ground is somebody else's.
func (e *effect) read(style []byte) {
	var flat, clipped, placed, away bool
	var ink, ground []byte
	style = style[:min(len(style), styleMax)]
	for len(style) > 0 {
		var decl []byte
		decl, style, _ = bytes.Cut(style, []byte{';'})
		k, v, ok := bytes.Cut(decl, []byte{':'})
		if !ok {
			continue
		}
		v, _, _ = bytes.Cut(v, []byte{'!'})
		k, v = bytes.TrimSpace(k), bytes.TrimSpace(v)
		switch string(k) {
		case "display":
			e.gone, e.display = string(v) == "none", string(v) != "none"
		case "visibility":
			e.put(unseen, string(v) == "hidden" || string(v) == "collapse")
		case "opacity":
			e.gone = e.gone || nought(v, "", 0.01)
		case "font-size":
			e.size(v)
		case "font":
			for f := range bytes.FieldsSeq(v) { // the size is the first with a unit or before a slash; a weight has neither
				f, _, slash := bytes.Cut(f, []byte{'/'})
				if n, unit := measured(f); unit != nil && (slash || len(unit) > 0 || n == 0) {
					e.size(f)
					break
				}
			}
		case "max-height", "max-width":
			e.gone = e.gone || nought(v, "px", 0)
		case "height", "width", "line-height":
			flat = flat || nought(v, "px", 1)
		case "overflow", "overflow-y":
			clipped = string(v) == "hidden"
		case "position":
			placed = string(v) == "absolute" || string(v) == "fixed"
		case "left", "top", "right", "bottom":
			away = away || far(v)
		case "text-indent", "margin-left", "margin-top":
			e.gone = e.gone || far(v)
		case "clip":
			clipped = clipped || bytes.HasPrefix(v, []byte("rect(0")) && bytes.Count(v, []byte{'0'}) >= 4
			flat = flat || clipped
		case "color":
			ink = v
		case "background", "background-color", "bgcolor":
			ground = v
		case "white-space":
			e.put(asTyped, bytes.HasPrefix(v, []byte("pre")) || string(v) == "break-spaces")
		}
	}
	e.gone = e.gone || flat && clipped || placed && away
	if ink != nil {
		e.put(faint, string(ink) == "transparent" || len(ground) > 0 && sameColour(ink, ground))
	}
}

// mayStyle says whether a tag in lower case may have a declaration that read makes something of, alone or with others.
// One that hides what overflows says "hidden".
func mayStyle(tag []byte) bool {
	for i, c := range tag {
		if c == '&' || c >= 0x80 {
			return true // written in another way
		}
		if c != ':' {
			continue
		}
		end := i
		for end > 0 && tag[end-1] <= ' ' {
			end--
		}
		start := end
		for start > 0 && (asciiLetter(tag[start-1]) || tag[start-1] == '-') {
			start--
		}
		switch string(tag[start:end]) {
		case "display", "visibility", "opacity", "font-size", "font", "max-height", "max-width", "position",
			"text-indent", "margin-left", "margin-top", "clip", "color", "background", "background-color", "bgcolor", "white-space":
			return true
		}
	}
	return false
}

func (e *effect) put(l look, on bool) {
	e.set |= l
	if e.on &^= l; on {
		e.on |= l
	}
}

// size reads a font size. One of a share of its parent's keeps what is tiny so.
func (e *effect) size(v []byte) {
	switch {
	case nought(v, "px", 1) || nought(v, "pt", 1) || nought(v, "em", 0.1) || nought(v, "rem", 0.1) || nought(v, "%", 10):
		e.put(tiny, true)
	case bytes.HasSuffix(v, []byte("em")) && !bytes.HasSuffix(v, []byte("rem")), bytes.HasSuffix(v, []byte{'%'}), string(v) == "inherit", string(v) == "smaller", string(v) == "larger":
	default:
		e.put(tiny, false)
	}
}

// nought says whether a length is at most so much of a unit. 0 needs none.
func nought(v []byte, unit string, most float64) bool {
	n, u := measured(v)
	return u != nil && n >= 0 && n <= most && (n == 0 || string(u) == unit)
}

// far says whether a length moves what it moves out of every window.
func far(v []byte) bool {
	n, u := measured(v)
	return u != nil && (n <= -500 && string(u) == "px" || n <= -50 && string(u) == "em" || n <= -100 && string(u) == "%")
}

// measured takes a length apart; the unit of none is nil.
func measured(v []byte) (n float64, unit []byte) {
	i := 0
	for i < len(v) && i < 20 && (v[i] >= '0' && v[i] <= '9' || v[i] == '.' || i == 0 && (v[i] == '-' || v[i] == '+')) {
		i++
	}
	n, err := strconv.ParseFloat(string(v[:i]), 64)
	if err != nil {
		return 0, nil
	}
	return n, v[i:]
}

// sameColour compares colours in the few forms that mail has.
func sameColour(a, b []byte) bool {
	a, b = hexColour(a), hexColour(b)
	return len(a) > 0 && bytes.Equal(a, b)
}

func hexColour(v []byte) []byte {
	switch {
	case string(v) == "white":
		return []byte("#ffffff")
	case string(v) == "black":
		return []byte("#000000")
	case len(v) == 4 && v[0] == '#':
		return []byte{'#', v[1], v[1], v[2], v[2], v[3], v[3]}
	}
	return v
}
