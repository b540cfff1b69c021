local function listLedgers(list) return { keys.listBytes, keys.listBytesOf(list.caller) } end
