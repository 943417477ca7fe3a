package browse

func pack(raw []byte) []byte { return raw }

func unpack(packed []byte) ([]byte, error) { return packed, nil }
