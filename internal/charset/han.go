package charset

// What characters of two bytes cost that no table of frequent ones has, in bits.
const (
	commonHan  = 14 // of the first level of a standard, which has those of everyday
	rareHan    = 19 // of the second
	otherHan   = 23 // of an extension
	brokenHan  = 34 // no character
	kanaSingle = 10 // a half-width kana in one byte
)

func makeHan(lang *language, name string, frequent map[string]uint8) hanReading {
	r := hanReading{name: name, lang: lang, next: hanNext[name], cost: make(map[uint16]uint8, len(frequent))}
	enc := Lookup(name).NewEncoder()
	for s, bits := range frequent {
		enc.Reset()
		if b, err := enc.Bytes([]byte(s)); err == nil && len(b) == 2 {
			r.cost[uint16(b[0])<<8|uint16(b[1])] = bits
		}
	}
	return r
}

// hanNext has how each character set is made up: the length of the first character and its cost. The levels are those of
// GB 2312, KS X 1001, JIS X 0208 and of Big5 itself.
var hanNext = map[string]func([]byte) (int, uint8){
	"euc-kr": func(b []byte) (int, uint8) { // with the extension of windows-949
		a, c := b[0], second(b)
		switch {
		case a == 0x80 || a == 0xff || c < 0x41 || c == 0xff || c > 0x5a && c < 0x61 || c > 0x7a && c < 0x81:
			return 1, brokenHan
		case a >= 0xb0 && a <= 0xc8 && c >= 0xa1:
			return 2, commonHan
		case a >= 0xa1 && a <= 0xa3 && c >= 0xa1:
			return 2, commonHan + 2
		case a >= 0xca && c >= 0xa1:
			return 2, rareHan
		}
		return 2, otherHan
	},
	"gb18030": func(b []byte) (int, uint8) {
		a, c := b[0], second(b)
		switch {
		case a == 0x80 || a == 0xff || c == 0x7f || c == 0xff:
			return 1, brokenHan
		case c >= '0' && c <= '9':
			if len(b) < 4 || b[2] < 0x81 || b[2] == 0xff || b[3] < '0' || b[3] > '9' {
				return 1, brokenHan
			}
			return 4, otherHan + 4
		case c < 0x40:
			return 1, brokenHan
		case a >= 0xb0 && a <= 0xd7 && c >= 0xa1:
			return 2, commonHan
		case (a == 0xa1 || a == 0xa3) && c >= 0xa1:
			return 2, commonHan + 2
		case a >= 0xd8 && a <= 0xf7 && c >= 0xa1:
			return 2, rareHan
		}
		return 2, otherHan
	},
	"big5": func(b []byte) (int, uint8) {
		a, c := b[0], second(b)
		switch {
		case a < 0x87 || a == 0xff || c < 0x40 || c > 0x7e && c < 0xa1 || c == 0xff:
			return 1, brokenHan
		case a >= 0xa4 && a <= 0xc6:
			return 2, commonHan
		case a >= 0xa1 && a <= 0xa3:
			return 2, commonHan + 2
		case a >= 0xc9 && a <= 0xf9:
			return 2, rareHan
		}
		return 2, otherHan
	},
	"shift_jis": func(b []byte) (int, uint8) {
		a, c := b[0], second(b)
		switch {
		case a >= 0xa1 && a <= 0xdf:
			return 1, kanaSingle
		case a == 0x80 || a == 0xa0 || a > 0xfc || c < 0x40 || c == 0x7f || c > 0xfc:
			return 1, brokenHan
		case a == 0x82 || a == 0x83, a == 0x81 && c < 0xad:
			return 2, commonHan
		case a >= 0x88 && a <= 0x97 || a == 0x98 && c <= 0x72:
			return 2, commonHan
		case a >= 0x98 && a <= 0x9f || a >= 0xe0 && a <= 0xea, a == 0x87:
			return 2, rareHan
		case a >= 0xfa:
			return 2, otherHan
		}
		return 2, otherHan + 2
	},
	"euc-jp": func(b []byte) (int, uint8) {
		a, c := b[0], second(b)
		switch {
		case a == 0x8f && len(b) >= 3 && c >= 0xa1 && b[2] >= 0xa1:
			return 3, otherHan
		case a == 0x8e && c >= 0xa1 && c <= 0xdf:
			return 2, kanaSingle + 3
		case a < 0xa1 || a == 0xff || c < 0xa1 || c == 0xff:
			return 1, brokenHan
		case a <= 0xa5 && a != 0xa2, a >= 0xb0 && a <= 0xcf:
			return 2, commonHan
		case a >= 0xd0 && a <= 0xf4, a == 0xa2, a == 0xad:
			return 2, rareHan
		}
		return 2, otherHan + 2
	},
}

func second(b []byte) byte {
	if len(b) < 2 {
		return 0
	}
	return b[1]
}
