-- ARGV: ahead, the id to begin after ('' for the first), limit. Gives the fields of dead letters.
local after = ARGV[2] == '' and '-' or '(' .. ARGV[2]
local results = {}
for _, id in ipairs(redis.call('ZRANGEBYLEX', DEAD, after, '+', 'LIMIT', 0, ARGV[3])) do
  local call = redis.call('HMGET', call_key(id), 's', 'p', 't', 'a', 'l', 'r', 'e', 'd')
  if call[1] then
    results[#results + 1] = {id, call[1], call[2], call[3], call[4] or 0, call[5] or 0, call[6], 0, call[7], call[8]}
  end
end
return results
