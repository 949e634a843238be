-- ARGV: ahead, id. Gives 1 when the dead letter waits again, 0 when there is none.
local id, key = ARGV[2], call_key(ARGV[2])
local call = redis.call('HMGET', key, 's', 'p', 'm', 'd')
if call[1] ~= '4' and call[1] ~= '5' then return 0 end
local expires = now + expires_in(call[2])
local before = ran_before(key)
local sid = enqueue(id, call[2], call[3], call[4], 0, 0, 0, expires, before)
redis.call('HDEL', key, 'm', 'd', 'r', 'e', 'c', 'a', 'u', 'l')
redis.call('HSET', key, 's', 0, 'q', sid, 't', times(expires), 'b', before)
redis.call('ZREM', DEAD, id)
redis.call('HINCRBY', META, 'bytes', #call[4])
return 1
