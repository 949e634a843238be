-- ARGV: ahead, then for each claim: id, stream id, owner. Gives 1 for marked, 0 for fenced.
local results = {}
for n = 2, #ARGV, 3 do
  local id, sid, owner = ARGV[n], ARGV[n + 1], ARGV[n + 2]
  local call = redis.call('HMGET', call_key(id), 's', 'q')
  local held = unfinished(call[1]) and call[2] == sid and holder(sid) == owner
  if held then redis.call('HSET', call_key(id), 's', 1) end
  results[#results + 1] = held and 1 or 0
end
return results
