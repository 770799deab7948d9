"""Files that come with fibertwin."""
