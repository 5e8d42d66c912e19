package mail

import (
	"bytes"
	"encoding/binary"
	"math"
)

// binhexSign begins BinHex 4.0 (RFC 1741 appendix A).
const binhexSign = "(This file must be converted with BinHex"

var binhexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte("!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr") {
		t[c] = byte(i)
	}
	return t
}()

// beginBinHex reads BinHex: a line that says so, and between two colons characters of six bits. They hold a name, the file
// and its resources, in which bytes that repeat are counted.
func beginBinHex(text []byte) (packedFile, bool) {
	_, rest := nextLine(text)
	body, ok := bytes.CutPrefix(bytes.TrimLeft(rest, " \n"), []byte{':'})
	if !ok {
		return packedFile{}, false
	}
	end := 0
	for end < len(body) && (binhexValue[body[end]] < 64 || body[end] == '\n' || body[end] == ' ') {
		end++
	}
	if end == len(body) || body[end] != ':' {
		return packedFile{}, false
	}
	_, after := nextLine(body[end:])
	body = body[:end]
	name, size, ok := binhexHead(body)
	if !ok {
		return packedFile{}, false
	}
	return packedFile{name, len(text) - len(after), func(put func([]byte) bool) {
		k := packer{put: put}
		skip, left := 1+len(name)+binhexHeadLength, size
		binhexBytes(body, func(c byte, n int) bool {
			for ; n > 0; n-- {
				if skip > 0 {
					skip--
					continue
				}
				if left == 0 || k.full {
					return false
				}
				left--
				k.add(c)
			}
			return true
		})
		k.flush()
	}}, true
}

// binhexHeadLength is what follows the name: a zero, type, creator, flags, two lengths, a checksum.
const binhexHeadLength = 1 + 4 + 4 + 2 + 4 + 4 + 2

// binhexHead reads the name and the length of the file, when their checksum is right and the file is whole.
func binhexHead(body []byte) (name string, size int64, ok bool) {
	head := make([]byte, 0, 256)
	need, got, want := 1, int64(0), int64(math.MaxInt64)
	binhexBytes(body, func(c byte, n int) bool {
		for ; n > 0 && len(head) < need; n-- {
			if head = append(head, c); len(head) == 1 {
				need = 1 + int(c) + binhexHeadLength
			}
			if len(head) == need {
				want = int64(binary.BigEndian.Uint32(head[need-10:]))
			}
		}
		got += int64(n)
		return got < want
	})
	if len(head) < need || need < 2+binhexHeadLength || got < want || crc16(head[:need-2]) != binary.BigEndian.Uint16(head[need-2:]) {
		return "", 0, false
	}
	return string(head[1 : need-binhexHeadLength]), want, true
}

// binhexBytes decodes up to where each returns false. 0x90 says how often the byte before it stands in all.
func binhexBytes(body []byte, each func(c byte, n int) bool) {
	var bits uint32
	n := 0
	var last byte
	marked := false
	for _, c := range body {
		v := binhexValue[c]
		if v >= 64 {
			continue
		}
		bits = bits<<6 | uint32(v)
		if n += 6; n < 8 {
			continue
		}
		n -= 8
		b := byte(bits >> n)
		switch {
		case marked && b == 0:
			marked, last = false, 0x90
			if !each(last, 1) {
				return
			}
		case marked:
			marked = false
			if !each(last, int(b)-1) {
				return
			}
		case b == 0x90:
			marked = true
		default:
			if last = b; !each(last, 1) {
				return
			}
		}
	}
}

// crc16 is the checksum of BinHex: CCITT's, with two zero bytes behind.
func crc16(b []byte) uint16 {
	var crc uint16
	for i := range len(b) + 2 {
		var c byte
		if i < len(b) {
			c = b[i]
		}
		for bit := 7; bit >= 0; bit-- {
			top := crc&0x8000 != 0
			crc = crc<<1 | uint16(c>>bit)&1
			if top {
				crc ^= 0x1021
			}
		}
	}
	return crc
}
